internal import EventLoop
public import Manifest
public import Units

/// What a publishing command needs of trust, in its own process: the agent never opens a publishing key.
public struct PublisherDesk: Sendable {
    /// The newest root that the local agent knows.
    public let root: Root
    private let keys: KeyFolder

    /// - Parameter rootEnvelope: as the agent gave it.
    public init(rootEnvelope: [UInt8], keys: KeyFolder) throws(TrustError) {
        do throws(DocumentError) {
            root = try Root(body: SignedDocument(decoding: rootEnvelope).body, sha256: DocumentCrypto.sha256)
        } catch {
            throw TrustError(.invalid, "the agent gave a root that cannot be read: \(error)")
        }
        self.keys = keys
    }

    /// Whether a key here may do `right` for `model`.
    public func may(_ right: Right, for model: ModelName) -> Bool {
        keys.entitles(right, for: .model(model), under: root)
    }

    /// Signs a manifest.
    public func sign(_ manifest: Manifest) throws(TrustError) -> SignedDocument {
        try keys.sign(manifest, as: .publish, for: .model(manifest.model), under: root)
    }

    /// Signs a head.
    public func sign(_ head: Head) throws(TrustError) -> SignedDocument {
        try keys.sign(head, as: .promote, for: .model(head.channel.model), under: root)
    }

    /// Signs a deny record.
    public func sign(_ record: DenyRecord) throws(TrustError) -> SignedDocument {
        try keys.sign(record, as: .deny, for: record.subject.scope, under: root)
    }

    /// What a manifest says of a layout.
    public static func reference(to layout: Layout) -> LayoutReference {
        layout.reference(sha256: DocumentCrypto.sha256)
    }

    /// Reads a manifest that the agent vouches for.
    public static func manifest(_ envelope: [UInt8]) throws(TrustError) -> Manifest {
        do throws(DocumentError) {
            return try Manifest(body: SignedDocument(decoding: envelope).body)
        } catch {
            throw TrustError(.invalid, "the agent gave a manifest that cannot be read: \(error)")
        }
    }

    /// The layout of a version that the agent keeps; nil if it does not.
    public static func layout(of manifest: Manifest, statePath: String) throws(TrustError) -> Layout? {
        guard let bytes = try DocumentArchive(try StateFolder(path: statePath)).layout(manifest.layout.digest) else {
            return nil
        }
        do throws(DocumentError) { return try Layout(bytes, of: manifest, sha256: DocumentCrypto.sha256) } catch {
            throw TrustError(.invalid, "a layout in the state folder is damaged: \(error)")
        }
    }

    /// Puts a layout where the agent looks for it when it adopts the version.
    public static func deposit(_ layout: Layout, statePath: String) throws(TrustError) {
        let bytes = layout.encode()
        let digest = Layout.digest(of: bytes, sha256: DocumentCrypto.sha256)
        try DocumentArchive(try StateFolder(path: statePath)).save(layout: bytes, digest: digest)
    }
}
