internal import EventLoop
internal import Manifest
internal import Swarm
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
    /// Of whom a manifest is being asked, with how many questions.
    private var asked: [Digest: [NodeID: Int]] = [:]
    /// Who said `not now`, and until when it is asked for no layout.
    private var declined: [NodeID: Instant] = [:]

    init(exchange: DocumentExchange, driver: ChunkDriver, switchboard: Switchboard, trust: Trust) {
        self.exchange = exchange
        self.driver = driver
        self.switchboard = switchboard
        self.trust = trust
    }

    // MARK: Manifests

    /// A manifest, checked and kept; nil if no neighbour gives it now.
    /// - Parameter teller: the only one to ask, if somebody said that it has it.
    func manifest(_ digest: Digest, from teller: NodeID? = nil) async throws(TrustError) -> Verified<Manifest>? {
        if let known = trust.manifests[digest] { return known }
        defer { if asked[digest] == nil { exchange.answerHeld(digest) } }
        for node in teller.map({ [$0] }) ?? likelyFirst(digest) {
            asked[digest, default: [:]][node, default: 0] += 1
            defer { noteAsked(digest, node) }
            if let manifest = try await ask(node, forManifest: digest) { return manifest }
        }
        return nil
    }

    /// Whether a manifest is being asked of others than this node, which may wait for it then.
    func isComing(_ digest: Digest, but node: NodeID) -> Bool {
        guard let nodes = asked[digest] else { return false }
        return nodes[node] == nil
    }

    private func noteAsked(_ digest: Digest, _ node: NodeID) {
        guard let count = asked[digest]?[node] else { return }
        asked[digest]?[node] = count == 1 ? nil : count - 1
        if asked[digest]?.isEmpty == true { asked[digest] = nil }
    }

    private func ask(
        _ node: NodeID, forManifest digest: Digest
    ) async throws(TrustError) -> Verified<Manifest>? {
        let answer = await fetch(.manifest, digest, byteCountMax: Limits.manifestByteCountMax, from: node)
        if let known = trust.manifests[digest] { return known }
        guard case .success(let bytes) = answer else { return nil }
        do {
            return try await trust.receiveManifest(bytes, expecting: digest)
        } catch let refusal as DocumentRefusal {
            if refusal.blamesSender { exchange.onFault?(node, WireFault(.badDocument, "\(refusal)")) }
            return nil
        } catch {
            throw error as? TrustError ?? TrustError(.io, "\(error)")
        }
    }

    /// Those that announced the version, then those that sent the head which names it: they have the manifest, or are
    /// getting it. Then the others.
    private func likelyFirst(_ version: Digest) -> [NodeID] {
        let openers = driver.core.openers(of: version).shuffled()
        let tellers = exchange.tellers(of: version).filter { !openers.contains($0) }
        return openers + tellers + neighbours().filter { !openers.contains($0) && !tellers.contains($0) }
    }

    // MARK: Layouts

    /// A manifest's layout, checked and kept; nil if no neighbour gives it now.
    func layout(of manifest: Verified<Manifest>) async throws(TrustError) -> Layout? {
        let reference = manifest.value.layout
        if let stored = try await stored(reference.digest), let layout = try? await decode(stored, manifest) {
            return layout
        }
        for node in holders(of: manifest.digest) {
            let answer = await fetch(.layout, reference.digest, byteCountMax: Int(reference.byteCount), from: node)
            if case .failure(.notNow) = answer {
                declined[node] = Clock.now() + .milliseconds(Limits.declinedMilliseconds)
            }
            guard case .success(let bytes) = answer else { continue }
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

    /// Those that announced the version, unless they gave the layout to others a moment ago: there will soon be more.
    /// Only where there are none, whoever else is there.
    private func holders(of version: Digest) -> [NodeID] {
        let now = Clock.now()
        declined = declined.filter { $0.value > now }
        let openers = driver.core.openers(of: version)
        let free = openers.filter { declined[$0] == nil }.shuffled()
        guard free.count == openers.count else { return free }
        return free + neighbours().filter { !openers.contains($0) && declined[$0] == nil }
    }

    // MARK: Other questions

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

    private func fetch(
        _ kind: Fetch.Kind, _ digest: Digest, byteCountMax: Int, from node: NodeID
    ) async -> Result<[UInt8], DocumentFailure> {
        guard let link = switchboard.links[node],
            exchange.requests.openCount(of: node) < Limits.documentRequestCountMax,
            let request = driver.drawRequest(for: node)
        else { return .failure(.gone) }
        let question = Message.fetch(Fetch(request: request, kind: kind, digest: digest))
        do throws(DocumentFailure) {
            let answer = try await exchange.requests.answer(
                from: link, to: request, byteCountMax: byteCountMax, asking: question)
            guard case .bytes(let bytes) = answer else { return .failure(.absent) }
            return .success(bytes)
        } catch {
            return .failure(error)
        }
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
