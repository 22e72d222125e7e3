public import Crypto
public import EventLoop
public import Manifest
public import Units

/// What this agent believes: its identity, the chain of roots, who is denied, where channels point, and which
/// manifests are genuine.
///
/// A document that is accepted is durable before it is visible here, one at a time, in the order of coming. Once
/// accepted, heads and deny records stay until one that outranks them comes, whatever later roots say of their
/// signers; ask `isStillEntitled` before a switch. Each manifest that is kept is in exactly one of `manifests` and
/// `retained`.
@LoopActor
public final class Trust {
    /// Who this node is; replaced when the certificate is renewed.
    public internal(set) var identity: NodeIdentity
    /// All roots, oldest first; never empty.
    public internal(set) var roots: [Verified<Root>]
    /// The CA certificates of the newest root.
    public internal(set) var authorities: [Certificate]
    /// Present where the CA key is.
    public internal(set) var issuer: CertificateIssuer?
    /// What is shut out.
    public private(set) var denyList = DenyList()
    /// Nodes that are shut out.
    public private(set) var deniedNodes: Set<NodeID> = []
    /// The newest head of each channel.
    public private(set) var heads: [ModelChannel: Verified<Head>] = [:]
    /// Every manifest that is kept and genuine under the newest root, by digest.
    public internal(set) var manifests: [Digest: Verified<Manifest>] = [:]
    /// Manifests that were genuine under an earlier root and are not under the newest. Only what `current` names may
    /// still be loaded: it is not announced, asked for or switched to.
    public internal(set) var retained: [Digest: Verified<Manifest>] = [:]
    /// Pairs of documents of equal rank that differ: both are to be reported. At most 64, the oldest go first.
    public private(set) var conflicts: [DocumentConflict] = []
    /// Called for each new conflict.
    public var onConflict: (@LoopActor (DocumentConflict) -> Void)?
    /// Files of the state folder that hold no genuine document, each with the reason; they are left as they are.
    public internal(set) var unusableFiles: [String] = []

    let files: StateFolder
    let archive: DocumentArchive
    let gate = SerialGate()
    private var channelCounts: [ModelName: Int] = [:]

    init(
        _ identity: NodeIdentity, _ roots: [Verified<Root>], _ authorities: [Certificate], _ files: StateFolder
    ) {
        precondition(!roots.isEmpty, "an agent without a root")
        self.identity = identity
        self.roots = roots
        self.authorities = authorities
        self.files = files
        archive = DocumentArchive(files)
    }

    /// The newest root.
    public var root: Verified<Root> {
        guard let newest = roots.last else { preconditionFailure("an agent without a root") }
        return newest
    }

    /// The newest root as it is sent.
    public var rootEnvelope: [UInt8] { root.envelope }

    /// A manifest that is kept, also one that only `current` may name.
    public func manifest(_ digest: Digest) -> Verified<Manifest>? { manifests[digest] ?? retained[digest] }

    // MARK: Changes, each after it is durable

    func take(_ head: Verified<Head>) {
        let channel = head.value.channel
        if heads.updateValue(head, forKey: channel) == nil { channelCounts[channel.model, default: 0] += 1 }
    }

    /// Why no head of another channel of this model can be taken; nil if it can.
    func fullReason(for model: ModelName) -> String? {
        guard let count = channelCounts[model] else {
            return channelCounts.count >= Limits.modelCountMax ? "\(Limits.modelCountMax) models are known" : nil
        }
        return count >= Limits.channelCountPerModelMax ? "\(model) has \(count) channels" : nil
    }

    /// `list` is the deny list with `record` in it.
    func take(_ record: Verified<DenyRecord>, in list: DenyList) {
        denyList = list
        guard case .node(let node) = record.value.subject else { return }
        if list.isDenied(node) { deniedNodes.insert(node) } else { deniedNodes.remove(node) }
    }

    func report(_ conflict: DocumentConflict) {
        guard !conflicts.contains(conflict) else { return }
        if conflicts.count == Limits.conflictCountMax { conflicts.removeFirst() }
        conflicts.append(conflict)
        onConflict?(conflict)
    }
}

/// Two documents of one subject and equal rank that differ: somebody signed twice.
public struct DocumentConflict: Hashable, Sendable {
    /// The channel, or what is denied.
    public let subject: String
    /// The one that counts.
    public let kept: Digest
    /// The one that does not.
    public let dropped: Digest
}
