internal import Control
internal import EventLoop
internal import Manifest
internal import Store
internal import Trust
internal import Units

/// What commands that sign need: the agent says what to sign, and judges what was signed like any other document.
@LoopActor
struct SigningAPI {
    let agent: Agent

    func attach(to server: ControlServer) {
        server.answer(PreparePublication.self) { (request, _) throws(ControlError) in try prepare(request) }
        server.answer(PlanPublication.self) { (request, _) throws(ControlError) in
            PublicationForecast(agent: agent).reply(to: request)
        }
        server.answer(AdoptPublication.self) { (request, _) throws(ControlError) in try await adopt(request) }
        server.answer(DraftHead.self) { (request, _) throws(ControlError) in try await draft(request) }
        server.answer(DraftDeny.self) { (request, _) throws(ControlError) in try draft(request) }
        server.answer(SubmitDocument.self) { (request, _) throws(ControlError) in try await submit(request) }
    }

    private var cluster: String { agent.trust.root.value.cluster.hex }
    private var root: String { Hex.encode(agent.trust.rootEnvelope) }

    // MARK: Publishing

    private func prepare(_ request: PreparePublication) throws(ControlError) -> PreparePublication.Reply {
        guard let model = ModelName(request.model), let tag = Tag(request.tag) else {
            throw ControlError(.wrongUsage, "\(request.model)@\(request.tag) is no version's name")
        }
        let resolver = VersionResolver(trust: agent.trust)
        let known = resolver.versions(of: model).first { $0.value.tag == tag }
        let newest = resolver.versions(of: model).first?.value.publishNumber ?? 0
        let parent = try parent(of: request, model)
        return PreparePublication.Reply(
            cluster: cluster, root: root, nextPublishNumber: newest + 1,
            manifest: known.map { Hex.encode($0.envelope) } ?? "",
            local: known.map { agent.library.entries[$0.digest]?.phase == .ready } ?? false,
            parent: parent?.digest.hex ?? "", parentManifest: parent.map { Hex.encode($0.envelope) } ?? "")
    }

    /// The version that was named, which must be known; else the one that the channel names, if it is known.
    private func parent(
        of request: PreparePublication, _ model: ModelName
    ) throws(ControlError) -> Verified<Manifest>? {
        if let named = request.parent { return try agent.find(request.model, version: named, channel: nil) }
        guard let channel = request.channel.map({ ChannelName($0) }) ?? .stable else {
            throw ControlError(.wrongUsage, "\(request.channel ?? "") is no channel")
        }
        let head = agent.trust.heads[ModelChannel(model: model, channel: channel)]
        return head.flatMap { agent.trust.manifests[$0.value.version] }
    }

    private func adopt(_ request: AdoptPublication) async throws(ControlError) -> FetchedVersion {
        guard let envelope = Hex.decode(request.manifest) else {
            throw ControlError(.wrongUsage, "the manifest is not hexadecimal")
        }
        do {
            let manifest = try await receive(envelope)
            guard let layout = try await agent.fetcher.layout(of: manifest) else {
                throw ControlError(
                    .failed, "the layout of the version is missing from the state folder",
                    hint: "Run `shoal seed` again.")
            }
            return VersionDescriber(agent: agent).fetched(
                try await agent.library.adopt(request.staging, manifest, layout))
        } catch let error as ControlError {
            throw error
        } catch let error as StoreError {
            throw error.controlError
        } catch {
            throw ControlError(.verificationFailed, "the version is refused: \(error)")
        }
    }

    /// Keeps a manifest unless its tag names another version already. Two commands may both have found the tag free, so
    /// they are let through one at a time; later nobody could say which of the two the tag means.
    private func receive(_ envelope: [UInt8]) async throws -> Verified<Manifest> {
        await agent.publishing.enter()
        defer { agent.publishing.leave() }
        let claimed = try SignedDocument(decoding: envelope)
        let body = try Manifest(body: claimed.body)
        let bearer = VersionResolver(trust: agent.trust).versions(of: body.model).first {
            $0.value.tag == body.tag && $0.document.body != claimed.body
                && !agent.trust.denyList.isDenied($0.digest, of: body.model)
        }
        guard bearer == nil else {
            throw ControlError(
                .tryAgain, "\(body.model)@\(body.tag) was published by another command meanwhile",
                hint: "Run it again: the same files are done already, others need another --version.")
        }
        return try await agent.trust.receiveManifest(envelope, expecting: nil)
    }

    // MARK: Heads

    private func draft(_ request: DraftHead) async throws(ControlError) -> DraftHead.Reply {
        let manifest = try agent.find(request.model, version: request.version, channel: nil)
        guard let name = ChannelName(request.channel) else {
            throw ControlError(.wrongUsage, "\(request.channel) is no channel")
        }
        let channel = ModelChannel(model: manifest.value.model, channel: name)
        try await level()
        guard !agent.trust.denyList.isDenied(manifest.digest, of: channel.model) else {
            throw ControlError(
                .notAllowed, "\(request.model)@\(manifest.value.tag) is denied",
                hint: "Lift the denial first, with `shoal deny --lift`.")
        }
        let root = agent.trust.root.value
        let head = agent.trust.heads[channel]
        let isSame = head?.value.version == manifest.digest && head.map(isFresh) == true
        return DraftHead.Reply(
            cluster: cluster, root: self.root, rootVersion: root.version, epoch: root.epoch,
            counter: nextCounter(after: head?.value.rank, epoch: root.epoch), version: manifest.digest.hex,
            tag: manifest.value.tag.text, alreadyThere: isSame, head: head.map { Hex.encode($0.envelope) } ?? "",
            halted: agent.trust.denyList.isDenied(channel))
    }

    /// Heads are pushed, so what a neighbour had when it levelled is here; one that
    /// is still levelling gets two seconds.
    private func level() async throws(ControlError) {
        let limit = Clock.now() + .seconds(2)
        while Clock.now() < limit, !agent.switchboard.links.keys.allSatisfy(agent.exchange.levelled.contains) {
            try await pause(.milliseconds(20))
        }
    }

    private func isFresh(_ head: Verified<Head>) -> Bool {
        let life = head.value.expires.secondsSince1970 - head.value.issued.secondsSince1970
        return Clock.wallTime().secondsSince1970 < head.value.issued.secondsSince1970 + life / 2
    }

    private func nextCounter(after rank: Rank?, epoch: UInt32) -> UInt64 {
        guard let rank, rank.epoch == epoch else { return 1 }
        return rank.counter + 1
    }

    // MARK: Denying

    private func draft(_ request: DraftDeny) throws(ControlError) -> DraftDeny.Reply {
        let subject = try subject(of: request)
        let root = agent.trust.root.value
        let rank = agent.trust.denyList.record(of: subject)?.value.rank
        return DraftDeny.Reply(
            cluster: cluster, root: self.root, rootVersion: root.version, epoch: root.epoch,
            counter: nextCounter(after: rank, epoch: root.epoch), subject: Self.text(subject),
            denied: agent.trust.denyList.isDenied(subject))
    }

    private func subject(of request: DraftDeny) throws(ControlError) -> DenySubject {
        guard request.node.isEmpty else { return .node(try node(named: request.node)) }
        if let name = request.channel {
            guard let model = ModelName(request.model), let channel = ChannelName(name) else {
                throw ControlError(.wrongUsage, "\(request.model):\(name) is no channel of a model")
            }
            return .channel(ModelChannel(model: model, channel: channel))
        }
        let manifest = try agent.find(request.model, version: request.version, channel: nil)
        return .version(manifest.value.model, manifest.digest)
    }

    private func node(named text: String) throws(ControlError) -> NodeID {
        if let node = NodeID(hex: text) { return node }
        let known = agent.directory.records.values.filter {
            $0.name == text || (text.count >= 8 && $0.node.hex.hasPrefix(text))
        }
        let own = agent.trust.identity
        let named =
            known.map(\.node) + (own.name.text == text ? [own.node] : [])
            + (agent.trust.issuer?.nodes(named: text) ?? [])
        switch Set(named).count {
        case 1: return named[0]
        case 0:
            throw ControlError(
                .notFound, "no node called \(text) is known here", hint: "Give its id; `shoal status` shows neighbours."
            )
        default:
            throw ControlError(
                .failed, "several nodes are called \(text)",
                hint: "Give the id: \(Set(named).map(\.hex).sorted().joined(separator: ", "))")
        }
    }

    private static func text(_ subject: DenySubject) -> String {
        switch subject {
        case .node(let node): node.hex
        case .version(_, let version): version.hex
        case .channel(let channel): channel.description
        }
    }

    // MARK: Submitting

    private func submit(_ request: SubmitDocument) async throws(ControlError) -> Done {
        guard let envelope = Hex.decode(request.document) else {
            throw ControlError(.wrongUsage, "the document is not hexadecimal")
        }
        let kind: DocumentKind
        do throws(DocumentError) {
            kind = try SignedDocument(decoding: envelope).kind
        } catch {
            throw ControlError(.verificationFailed, "this is no document: \(error)")
        }
        switch await agent.trust.receive(envelope, kind: kind) {
        case .accepted(let document):
            agent.exchange.spread(document, except: nil)
            agent.accept(document)
            return Done()
        case .dropped(let why):
            throw ControlError(
                .tryAgain, "somebody else was faster: \(why)", hint: "Look at `shoal list`, and try again.")
        case .blamed(let why): throw ControlError(.verificationFailed, "the document is refused: \(why)")
        case .failed(let error): throw ControlError(.failed, "the document could not be kept: \(error)")
        }
    }
}
