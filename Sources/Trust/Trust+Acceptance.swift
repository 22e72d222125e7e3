internal import EventLoop
public import Manifest
public import Units

/// What became of a document that came.
public enum DocumentVerdict: Sendable {
    /// New and durable: act on it and pass it on.
    case accepted(AcceptedDocument)
    /// Known, older, or of no use here; nobody is to blame.
    case dropped(String)
    /// The sender broke the rules.
    case blamed(String)
    /// It could not be kept.
    case failed(TrustError)
}

/// A document that is new here.
public enum AcceptedDocument: Sendable {
    case root(Verified<Root>)
    case head(Verified<Head>)
    case deny(Verified<DenyRecord>)

    /// What neighbours get.
    public var envelope: [UInt8] {
        switch self {
        case .root(let root): root.envelope
        case .head(let head): head.envelope
        case .deny(let record): record.envelope
        }
    }

    /// What DOCUMENT says in front of it.
    public var kind: DocumentKind {
        switch self {
        case .root: .root
        case .head: .head
        case .deny: .deny
        }
    }
}

extension Trust {
    /// Judges a root, head or deny record under the newest root and, if it is new, keeps it.
    public func receive(_ envelope: [UInt8], kind: DocumentKind) async -> DocumentVerdict {
        await gate.enter()
        defer { gate.leave() }
        do {
            switch kind {
            case .root: return try await receiveRoot(envelope)
            case .head: return try await receiveHead(envelope)
            case .deny: return try await receiveDeny(envelope)
            case .manifest: return .dropped("manifests are asked for, not pushed")
            }
        } catch let refusal as DocumentRefusal {
            return refusal.blamesSender ? .blamed(refusal.description) : .dropped(refusal.description)
        } catch let error as TrustError {
            return .failed(error)
        } catch {
            return .failed(TrustError(.io, "\(error)"))
        }
    }

    /// Checks a manifest that was asked for, and keeps it.
    /// - Throws: `DocumentRefusal` (see whether it blames the sender), or `TrustError` if it cannot be kept.
    public func receiveManifest(_ envelope: [UInt8], expecting digest: Digest?) async throws -> Verified<Manifest> {
        let manifest = try Verified<Manifest>.verify(
            envelope, expecting: digest, under: root.value, checks: DocumentCrypto.checks)
        if let known = manifests[manifest.digest] { return known }
        let archive = archive
        try await onPool { () throws(TrustError) in try archive.save(manifest) }
        manifests[manifest.digest] = manifest
        return manifest
    }

    /// Whether a manifest that is kept is genuine under the newest root, as before each switch.
    public func isStillEntitled(_ manifest: Verified<Manifest>) -> Bool {
        (try? Verified<Manifest>.verify(manifest.envelope, under: root.value, checks: DocumentCrypto.checks)) != nil
    }

    /// Forgets a manifest and its layout: its version was removed here.
    public func forget(_ manifest: Verified<Manifest>) async throws(TrustError) {
        let archive = archive
        try await onPool { () throws(TrustError) in
            try archive.removeManifest(manifest.digest, layout: manifest.value.layout.digest)
        }
        manifests[manifest.digest] = nil
    }

    private func receiveRoot(_ envelope: [UInt8]) async throws -> DocumentVerdict {
        if roots.contains(where: { $0.envelope == envelope }) { return .dropped("known") }
        let next = try root.successor(envelope, checks: DocumentCrypto.checks)
        let archive = archive
        try await onPool { () throws(TrustError) in
            try archive.save(root: next.envelope, version: next.value.version)
        }
        try extend(with: next)
        return .accepted(.root(next))
    }

    private func receiveHead(_ envelope: [UInt8]) async throws -> DocumentVerdict {
        let head = try Verified<Head>.verify(envelope, under: root.value, checks: DocumentCrypto.checks)
        if let known = heads[head.value.channel] {
            let precedence = head.precedence(over: known)
            guard precedence.replaces else { return .dropped("\(head.value.channel) is at \(known.value.rank): \(precedence)") }
        } else if let full = fullReason(for: head.value.channel) {
            return .dropped(full)
        }
        let archive = archive
        try await onPool { () throws(TrustError) in try archive.save(head) }
        heads[head.value.channel] = head
        return .accepted(.head(head))
    }

    private func fullReason(for channel: ModelChannel) -> String? {
        let models = Set(heads.keys.map(\.model))
        if !models.contains(channel.model), models.count >= Limits.modelCountMax { return "\(Limits.modelCountMax) models are known" }
        let channels = heads.keys.count { $0.model == channel.model }
        return channels >= Limits.channelCountPerModelMax ? "\(channel.model) has \(channels) channels" : nil
    }

    private func receiveDeny(_ envelope: [UInt8]) async throws -> DocumentVerdict {
        let record = try Verified<DenyRecord>.verify(envelope, under: root.value, checks: DocumentCrypto.checks)
        let precedence = denyList.precedence(of: record)
        guard precedence.replaces else { return .dropped("a record on \(record.value.subject) is known: \(precedence)") }
        let archive = archive
        try await onPool { () throws(TrustError) in try archive.save(record) }
        guard denyList.apply(record) != nil else { return .dropped("the list of deny records is full") }
        return .accepted(.deny(record))
    }
}
