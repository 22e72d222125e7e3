internal import EventLoop
public import Manifest
public import Units

extension Trust {
    /// Checks a manifest that was asked for, and keeps it. Of one that is known, new signatures are kept.
    /// - Throws: `DocumentRefusal` (see whether it blames the sender), or `TrustError` if it cannot be kept.
    public func receiveManifest(_ envelope: [UInt8], expecting digest: Digest?) async throws -> Verified<Manifest> {
        await gate.enter()
        defer { gate.leave() }
        let root = root.value
        let came = try await judgeOnPool { () throws(DocumentRefusal) in
            try Verified<Manifest>.verify(envelope, expecting: digest, under: root, checks: DocumentCrypto.checks)
        }
        let known = manifest(came.digest)
        let merged = known.map { $0.merging(came) } ?? came
        if merged != known {
            let archive = archive
            try await onPool { () throws(TrustError) in try archive.save(merged) }
        }
        manifests[merged.digest] = merged
        retained[merged.digest] = nil
        return merged
    }

    /// Whether a manifest is genuine under the newest root, as before each switch.
    public func isStillEntitled(_ manifest: Verified<Manifest>) -> Bool {
        manifests[manifest.digest] != nil || verifies(manifest)
    }

    /// Whether a head is genuine under the newest root, as before each switch.
    public func isStillEntitled(_ head: Verified<Head>) -> Bool {
        (try? Verified<Head>.verify(head.envelope, under: root.value, checks: DocumentCrypto.checks)) != nil
    }

    /// Forgets a manifest, and its layout unless another manifest has the same one: its version was removed here.
    public func forget(_ manifest: Verified<Manifest>) async throws(TrustError) {
        await gate.enter()
        defer { gate.leave() }
        try await remove(manifest)
    }

    /// Forgets a model's manifests, but for the newest 256, those in `held`, and those that a head of the model names.
    /// - Parameter held: what is on disk here, or on its way.
    /// - Returns: what was forgotten.
    @discardableResult
    public func trim(_ model: ModelName, held: Set<Digest>) async throws(TrustError) -> [Digest] {
        await gate.enter()
        defer { gate.leave() }
        var named = held
        for head in heads.values where head.value.channel.model == model {
            named.insert(head.value.version)
            named.formUnion(head.value.rollout.pins.map(\.version))
            if let base = head.value.rollout.base { named.insert(base) }
        }
        let spare = manifests.values.filter { $0.value.model == model && !named.contains($0.digest) }
        let oldest = spare.sorted { ($1.value.publishNumber, $1.digest) < ($0.value.publishNumber, $0.digest) }
            .dropFirst(Limits.manifestCountPerModelMax)
        let unwanted = retained.values.filter { $0.value.model == model && !held.contains($0.digest) }
        let forgotten = (oldest + unwanted).sorted { $0.digest < $1.digest }
        for manifest in forgotten { try await remove(manifest) }
        return forgotten.map(\.digest)
    }

    /// A layout's bytes, if it is kept. Blocks.
    public nonisolated func storedLayout(_ digest: Digest) throws(TrustError) -> [UInt8]? { try archive.layout(digest) }

    /// Keeps a layout whose digest was checked. Blocks.
    public nonisolated func store(layout bytes: [UInt8], digest: Digest) throws(TrustError) {
        try archive.save(layout: bytes, digest: digest)
    }

    func verifies(_ manifest: Verified<Manifest>) -> Bool { Self.verifies(manifest, under: root.value) }

    /// All manifests that are kept, as a root sorts them.
    func sorted(
        under root: Root
    ) async throws(TrustError) -> (entitled: [Digest: Verified<Manifest>], others: [Digest: Verified<Manifest>]) {
        let kept = manifests.merging(retained) { first, _ in first }
        return try await onPool { () throws(TrustError) in
            let entitled = kept.filter { Self.verifies($0.value, under: root) }
            return (entitled, kept.filter { entitled[$0.key] == nil })
        }
    }

    private nonisolated static func verifies(_ manifest: Verified<Manifest>, under root: Root) -> Bool {
        (try? Verified<Manifest>.verify(manifest.envelope, under: root, checks: DocumentCrypto.checks)) != nil
    }

    private func remove(_ manifest: Verified<Manifest>) async throws(TrustError) {
        let layout = manifest.value.layout.digest
        let isShared = [manifests, retained].contains { kept in
            kept.values.contains { $0.digest != manifest.digest && $0.value.layout.digest == layout }
        }
        let archive = archive
        try await onPool { () throws(TrustError) in
            try archive.removeManifest(manifest.digest)
            if !isShared { try archive.removeLayout(layout) }
        }
        manifests[manifest.digest] = nil
        retained[manifest.digest] = nil
    }
}
