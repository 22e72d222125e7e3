internal import EventLoop
public import Manifest
internal import Units

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
    /// The newest root.
    case root(Verified<Root>)
    /// The newest head of its channel.
    case head(Verified<Head>)
    /// What counts of its subject.
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
    /// Judges a root, head or deny record under the newest root and, if it is new, keeps it. Of one that is known, new
    /// signatures are kept.
    /// - Parameter passOn: called once, before the return, with a document that will be `.accepted` unless it cannot be
    ///   kept: with a head or a record before it is durable, since whoever passes it on does not act on it. After a
    ///   `.failed` it may be called for the same document again.
    public func receive(
        _ envelope: [UInt8], kind: DocumentKind, passOn: (@LoopActor (AcceptedDocument) -> Void)? = nil
    ) async -> DocumentVerdict {
        // From each neighbour comes the same: what is here byte for byte was verified when it came.
        if isKept(envelope, kind: kind) { return .dropped("known") }
        await gate.enter()
        defer { gate.leave() }
        if isKept(envelope, kind: kind) { return .dropped("known") }
        do {
            switch kind {
            case .root:
                let verdict = try await receiveRoot(envelope)
                if case .accepted(let document) = verdict { passOn?(document) }
                return verdict
            case .head: return try await receiveHead(envelope, passOn)
            case .deny: return try await receiveDeny(envelope, passOn)
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

    private func isKept(_ envelope: [UInt8], kind: DocumentKind) -> Bool {
        switch kind {
        case .root: return roots.contains { $0.envelope == envelope }
        case .head:
            guard let claimed = try? Head(body: SignedDocument(decoding: envelope).body) else { return false }
            return heads[claimed.channel]?.envelope == envelope
        case .deny:
            guard let claimed = try? DenyRecord(body: SignedDocument(decoding: envelope).body) else { return false }
            return denyList.record(of: claimed.subject)?.envelope == envelope
        case .manifest: return false
        }
    }

    // MARK: Roots

    private func receiveRoot(_ envelope: [UInt8]) async throws -> DocumentVerdict {
        let (current, checks) = (root, DocumentCrypto.checks)
        if let digest = try? SignedDocument(decoding: envelope).digest(sha256: checks.sha256),
            let position = roots.firstIndex(where: { $0.digest == digest })
        {
            let again = try await judgeOnPool { () throws(DocumentRefusal) in
                try Verified.pinned(envelope, digest: digest, checks: checks)
            }
            try await merge(again, at: position)
            return .dropped("known")
        }
        let next = try await judgeOnPool { () throws(DocumentRefusal) in
            try current.successor(envelope, checks: checks)
        }
        // Before it is kept: an agent must be able to start with what it keeps.
        let authorities = try DocumentJudge.authorities(of: next.value)
        let (entitled, others) = try await sorted(under: next.value)
        try await keep(next)
        roots.append(next)
        self.authorities = authorities
        (manifests, retained) = (entitled, others)
        if let issuer, !authorities.contains(issuer.authorityCertificate) { self.issuer = nil }
        return .accepted(.root(next))
    }

    private func merge(_ again: Verified<Root>, at position: Int) async throws {
        let merged = roots[position].merging(again)
        guard merged != roots[position] else { return }
        try await keep(merged)
        roots[position] = merged
    }

    private func keep(_ root: Verified<Root>) async throws(TrustError) {
        let archive = archive
        try await onPool { () throws(TrustError) in
            try archive.save(root: root.envelope, version: root.value.version)
        }
    }

    // MARK: Heads

    private func receiveHead(
        _ envelope: [UInt8], _ passOn: (@LoopActor (AcceptedDocument) -> Void)?
    ) async throws -> DocumentVerdict {
        let root = root.value
        let head = try await judgeOnPool { () throws(DocumentRefusal) in
            try Verified<Head>.verify(envelope, under: root, checks: DocumentCrypto.checks)
        }
        let channel = head.value.channel
        guard let known = heads[channel] else {
            if let full = fullReason(for: channel.model) { return .dropped(full) }
            passOn?(.head(head))
            return try await keep(head)
        }
        switch head.precedence(over: known) {
        case .newer:
            passOn?(.head(head))
            return try await keep(head)
        case .older: return .dropped("\(channel) is at \(known.value.rank)")
        case .same:
            let merged = known.merging(head)
            if merged != known { _ = try await keep(merged) }
            return .dropped("known")
        case .conflictWon:
            passOn?(.head(head))
            let verdict = try await keep(head)
            report(DocumentConflict(subject: "\(channel)", kept: head.digest, dropped: known.digest))
            return verdict
        case .conflictLost:
            report(DocumentConflict(subject: "\(channel)", kept: known.digest, dropped: head.digest))
            return .dropped("another head of \(channel) has the same rank, \(known.value.rank), and wins")
        }
    }

    private func keep(_ head: Verified<Head>) async throws(TrustError) -> DocumentVerdict {
        let archive = archive
        try await onPool { () throws(TrustError) in try archive.save(head) }
        take(head)
        return .accepted(.head(head))
    }

    // MARK: Deny records

    private func receiveDeny(
        _ envelope: [UInt8], _ passOn: (@LoopActor (AcceptedDocument) -> Void)?
    ) async throws -> DocumentVerdict {
        let root = root.value
        let record = try await judgeOnPool { () throws(DocumentRefusal) in
            try Verified<DenyRecord>.verify(envelope, under: root, checks: DocumentCrypto.checks)
        }
        let subject = record.value.subject
        let known = denyList.record(of: subject)
        var list = denyList
        guard let precedence = list.apply(record) else { return .dropped("the list of deny records is full") }
        guard let result = list.record(of: subject) else {
            preconditionFailure("\(subject) was taken and is not there")
        }
        if precedence.replaces { passOn?(.deny(result)) }
        if result != known {
            let archive = archive
            try await onPool { () throws(TrustError) in try archive.save(result) }
            take(result, in: list)
        }
        if let known, precedence == .conflictWon || precedence == .conflictLost {
            let loser = precedence == .conflictWon ? known.digest : record.digest
            report(DocumentConflict(subject: "\(subject)", kept: result.digest, dropped: loser))
        }
        guard precedence.replaces else {
            return .dropped("a record on \(subject) is known, of rank \(result.value.rank)")
        }
        return .accepted(.deny(result))
    }
}
