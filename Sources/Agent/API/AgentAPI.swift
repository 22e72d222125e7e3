internal import Control
internal import EventLoop
internal import Manifest
internal import Store
internal import Trust
internal import Units

/// What commands may ask of this agent: `Protocol/control-api.md`.
@LoopActor
struct AgentAPI {
    let agent: Agent

    /// Answers every method.
    func attach(to server: ControlServer) {
        let agent = agent
        server.answer(GetStatus.self) { (_, _) throws(ControlError) in StatusWriter(agent: agent).report() }
        server.answer(GetVersion.self) { (request, progress) throws(ControlError) in
            try await VersionGetter(agent: agent, progress: progress).get(request)
        }
        server.answer(GetPart.self) { (request, progress) throws(ControlError) in
            try await PartGetter(agent: agent, progress: progress).get(request)
        }
        server.answer(EndPart.self) { (request, progress) throws(ControlError) in
            await PartGetter(agent: agent, progress: progress).end(request)
        }
        server.answer(PlanVersion.self) { (request, progress) throws(ControlError) in
            try await VersionGetter(agent: agent, progress: progress).plan(request)
        }
        server.answer(SetFollow.self) { (request, _) throws(ControlError) in try await follow(request) }
        server.answer(ListVersions.self) { (request, _) throws(ControlError) in try list(request) }
        server.answer(ShowVersion.self) { (request, _) throws(ControlError) in try show(request) }
        server.answer(RemoveVersion.self) { (request, _) throws(ControlError) in try await remove(request) }
        server.answer(RetryVersion.self) { (request, _) throws(ControlError) in try retry(request) }
        server.answer(VerifyVersions.self) { (request, progress) throws(ControlError) in
            try await VersionVerifier(agent: agent, progress: progress).verify(request)
        }
        server.answer(CreateToken.self) { (request, _) throws(ControlError) in try await createToken(request) }
        SigningAPI(agent: agent).attach(to: server)
        CollectAPI(agent: agent).attach(to: server)
        LimitAPI(traffic: agent.traffic).attach(to: server)
        FleetAPI(agent: agent).attach(to: server)
    }

    private func follow(_ request: SetFollow) async throws(ControlError) -> Done {
        guard let model = ModelName(request.model), let channel = ChannelName(request.channel) else {
            throw ControlError(.wrongUsage, "\(request.model):\(request.channel) is no channel of a model")
        }
        do throws(TrustError) {
            try await agent.channels.follow(ModelChannel(model: model, channel: channel), request.follow)
        } catch {
            throw ControlError(.failed, "the follow could not be kept: \(error)")
        }
        agent.giveUpWhatNobodyWants()
        agent.review(model)
        agent.library.onModelsChanged?()
        return Done()
    }

    private func list(_ request: ListVersions) throws(ControlError) -> VersionList {
        let summaries = agent.trust.manifests.values
            .filter { request.model == nil || $0.value.model.text == request.model }
            .sorted { left, right in
                left.value.model == right.value.model
                    ? (left.value.publishNumber, left.digest) > (right.value.publishNumber, right.digest)
                    : left.value.model < right.value.model
            }
        return VersionList(items: summaries.map { VersionDescriber(agent: agent).summary(of: $0) })
    }

    private func show(_ request: ShowVersion) throws(ControlError) -> VersionDetail {
        let manifest = try agent.find(request.model, version: request.version, channel: request.channel)
        return VersionDescriber(agent: agent).detail(of: manifest)
    }

    private func retry(_ request: RetryVersion) throws(ControlError) -> Done {
        guard let model = ModelName(request.model) else {
            throw ControlError(.wrongUsage, "\(request.model) is no model name")
        }
        let digest = try request.version.map { version throws(ControlError) in
            try agent.find(request.model, version: version, channel: nil).digest
        }
        agent.rollouts.retry(digest, of: model)
        return Done()
    }

    private func remove(_ request: RemoveVersion) async throws(ControlError) -> Done {
        let manifest = try agent.find(request.model, version: request.version, channel: nil)
        if agent.channels.wanted.contains(where: { $0.version == manifest.digest }) {
            throw ControlError(
                .notAllowed, "a followed channel names \(request.model)@\(request.version): it would be fetched again",
                hint: "Unfollow the channel, or promote another version first.")
        }
        do throws(StoreError) {
            try await agent.library.remove(manifest.digest) { [rollouts = agent.rollouts] in
                rollouts.heldVariants.map(\.version).contains($0.version)
            }
        } catch {
            throw error.controlError
        }
        agent.rollouts.noteUnavailable(manifest.digest, of: manifest.value.model)
        try await forget(manifest)
        return Done()
    }

    /// A restart must not fetch again what was removed.
    private func forget(_ manifest: Verified<Manifest>) async throws(ControlError) {
        let (digest, model) = (manifest.digest.hex, manifest.value.model.text)
        do throws(TrustError) {
            try await agent.settings.change {
                $0.wanted.removeAll { $0 == digest }
                if $0.fetched[model] == digest { $0.fetched[model] = nil }
            }
        } catch {
            throw ControlError(.failed, "it is removed, but a restart would fetch it again: \(error)")
        }
    }

    private func createToken(_ request: CreateToken) async throws(ControlError) -> CreateToken.Reply {
        guard let issuer = agent.trust.issuer else {
            throw ControlError(
                .notAllowed, "this node holds no CA key and makes no tokens",
                hint: "Run it on the node that was made with `shoal init`.")
        }
        guard (1...Limits.tokenLifetimeSecondsMax).contains(request.lifetimeSeconds) else {
            throw ControlError(.wrongUsage, "a token lives from 1 s to \(Limits.tokenLifetimeSecondsMax) s")
        }
        do throws(TrustError) {
            let token = try await issuer.makeToken(
                rootDigest: agent.trust.root.digest, lifetimeSeconds: request.lifetimeSeconds, now: Clock.wallTime())
            return CreateToken.Reply(token: token.text, expires: token.expires.description)
        } catch {
            throw ControlError(error.code == .unavailable ? .tryAgain : .failed, error.description)
        }
    }
}

/// Waits for a moment inside a request. A request whose asker has gone ends here.
@LoopActor
func pause(_ duration: Duration) async throws(ControlError) {
    do {
        try await Task.sleep(for: duration)
    } catch {
        throw ControlError(.failed, "whoever asked has gone")
    }
}

/// The same, and no longer than until the bell rings.
@LoopActor
func pause(_ duration: Duration, orUntil bell: Bell) async throws(ControlError) {
    await bell.wait(atMost: duration)
    if Task.isCancelled { throw ControlError(.failed, "whoever asked has gone") }
}

extension Agent {
    /// The manifest that a command names, among those that this node knows.
    func find(_ model: String, version: String?, channel: String?) throws(ControlError) -> Verified<Manifest> {
        guard let name = ModelName(model) else { throw ControlError(.wrongUsage, "\(model) is no model name") }
        let resolver = VersionResolver(trust: trust)
        let choice = try VersionChoice(version: version, channel: channel)
        switch resolver.resolve(name, choice) {
        case .found(let manifest): return manifest
        case .ambiguous(let digests): throw ControlError.ambiguous(model, choice, digests)
        case .needsManifest, .unknown:
            throw ControlError(
                .notFound, "no version \(choice) of \(model) is known here",
                hint: "`shoal list \(model)` shows what is; `shoal get` asks the neighbours.")
        }
    }
}

extension VersionChoice: CustomStringConvertible {
    init(version: String?, channel: String?) throws(ControlError) {
        if let version {
            self = .named(version)
        } else if let name = channel {
            guard let channel = ChannelName(name) else { throw ControlError(.wrongUsage, "\(name) is no channel") }
            self = .channel(channel)
        } else {
            self = .channel(.stable)
        }
    }

    var description: String {
        switch self {
        case .named(let text): text
        case .channel(let channel): "in channel \(channel)"
        }
    }
}

extension ControlError {
    static func ambiguous(_ model: String, _ choice: VersionChoice, _ digests: [Digest]) -> ControlError {
        let names = digests.map { String($0.hex.prefix(16)) }.joined(separator: ", ")
        return ControlError(
            .failed,
            "\(choice) names \(digests.count) versions of \(model): \(names)",
            hint: "Name one by its digest, or deny one of them.")
    }
}

extension StoreError {
    /// With the exit code that a command ends with.
    var controlError: ControlError {
        let exit: ExitStatus =
            switch code {
            case .notFound: .notFound
            case .inUse, .permission, .refused: .notAllowed
            case .busy, .diskFull, .readOnly: .tryAgain
            case .corrupt: .verificationFailed
            default: .failed
            }
        return ControlError(exit, description)
    }
}
