internal import EventLoop
internal import Manifest
internal import Trust
internal import Units
internal import Wire

/// Gets manifests and layouts from neighbours, one after the other until one gives what its digest promises.
@LoopActor
final class DocumentFetcher {
    private let exchange: DocumentExchange
    private let driver: ChunkDriver
    private let switchboard: Switchboard
    private let trust: Trust

    init(exchange: DocumentExchange, driver: ChunkDriver, switchboard: Switchboard, trust: Trust) {
        self.exchange = exchange
        self.driver = driver
        self.switchboard = switchboard
        self.trust = trust
    }

    /// A manifest, checked and kept; nil if no neighbour gives it now.
    /// - Parameter teller: the only one to ask, if somebody said that it has it.
    func manifest(_ digest: Digest, from teller: NodeID? = nil) async throws(TrustError) -> Verified<Manifest>? {
        if let known = trust.manifests[digest] { return known }
        for node in teller.map({ [$0] }) ?? neighbours() {
            guard let bytes = await fetch(.manifest, digest, byteCountMax: Limits.manifestByteCountMax, from: node)
            else { continue }
            do {
                return try await trust.receiveManifest(bytes, expecting: digest)
            } catch let refusal as DocumentRefusal {
                if refusal.blamesSender { exchange.onFault?(node, WireFault(.badDocument, "\(refusal)")) }
            } catch {
                throw error as? TrustError ?? TrustError(.io, "\(error)")
            }
        }
        return nil
    }

    /// A manifest's layout, checked and kept; nil if no neighbour gives it now.
    func layout(of manifest: Verified<Manifest>) async throws(TrustError) -> Layout? {
        let reference = manifest.value.layout
        if let stored = try await stored(reference.digest), let layout = try? await decode(stored, manifest) {
            return layout
        }
        for node in neighbours() {
            let expected = Int(reference.byteCount)
            guard let bytes = await fetch(.layout, reference.digest, byteCountMax: expected, from: node) else {
                continue
            }
            do {
                let layout = try await decode(bytes, manifest)
                try await onPool { [trust] in try trust.store(layout: bytes, digest: reference.digest) }
                return layout
            } catch let error as DocumentError {
                exchange.onFault?(node, WireFault(.badDocument, "\(error)"))
            } catch {
                throw error as? TrustError ?? TrustError(.io, "\(error)")
            }
        }
        return nil
    }

    /// The digests of a model's manifests that a neighbour knows; nil if it does not answer.
    func versions(of model: ModelName, from node: NodeID) async -> [Digest]? {
        guard let link = switchboard.links[node], let request = driver.drawRequest(for: node) else { return nil }
        let question = Message.versionsQuery(VersionsQuery(request: request, model: model))
        let answer = try? await exchange.requests.answer(from: link, to: request, byteCountMax: 0, asking: question)
        guard case .versions(let digests)? = answer else { return nil }
        return digests
    }

    /// A new certificate of this node from an issuer; nil if it gives none.
    func renewal(from node: NodeID) async -> [UInt8]? {
        guard let link = switchboard.links[node], let request = driver.drawRequest(for: node) else { return nil }
        let answer = try? await exchange.requests.answer(
            from: link, to: request, byteCountMax: 0, asking: .renew(request))
        guard case .certificate(let der)? = answer else { return nil }
        return der
    }

    private func neighbours() -> [NodeID] { switchboard.links.keys.sorted().shuffled() }

    private func fetch(_ kind: Fetch.Kind, _ digest: Digest, byteCountMax: Int, from node: NodeID) async -> [UInt8]? {
        guard let link = switchboard.links[node],
            exchange.requests.openCount(of: node) < Limits.documentRequestCountMax,
            let request = driver.drawRequest(for: node)
        else { return nil }
        let question = Message.fetch(Fetch(request: request, kind: kind, digest: digest))
        let answer = try? await exchange.requests.answer(
            from: link, to: request, byteCountMax: byteCountMax, asking: question)
        guard case .bytes(let bytes)? = answer else { return nil }
        return bytes
    }

    private func stored(_ digest: Digest) async throws(TrustError) -> [UInt8]? {
        do {
            return try await ThreadPool.run { [trust] in try trust.storedLayout(digest) }
        } catch {
            throw error as? TrustError ?? TrustError(.io, "\(error)")
        }
    }

    private func onPool(_ work: @escaping @Sendable () throws -> Void) async throws { try await ThreadPool.run(work) }

    /// Off the loop: a layout may have a million chunks.
    private func decode(_ bytes: [UInt8], _ manifest: Verified<Manifest>) async throws -> Layout {
        try await ThreadPool.run { try Trust.layout(bytes, of: manifest) }
    }
}
