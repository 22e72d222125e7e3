public import EventLoop
import HTTPClient
public import Units

/// All that serves models on this node, however it is spoken to: processes that connect to the socket, and servers
/// behind adapters. One set of commands, one stream of events.
///
/// Commands name an instance and go to whoever has it.
@LoopActor public final class HandoffRouter {
    /// What adapters need of the agent.
    public struct Surroundings: Sendable {
        /// The state folder, absolute.
        public let statePath: String
        /// Starts the work of an adapter, which lasts until `close()`.
        public let start: @LoopActor (_ name: String, _ work: @escaping @LoopActor () async -> Void) -> Void

        /// Where an agent lives, and how it starts tasks.
        public init(
            statePath: String,
            start: @escaping @LoopActor (_ name: String, _ work: @escaping @LoopActor () async -> Void) -> Void
        ) {
            self.statePath = statePath
            self.start = start
        }
    }

    private let server: HandoffServer
    private let adapters: [AdapterRule]
    private let surroundings: Surroundings
    private let lease: Duration
    private let numbers: HandoffNumbers
    private var sessions: [ModelName: AdapterSession] = [:]
    private var onEvent: (@LoopActor (HandoffEvent) -> Void)?
    /// Made with the first adapter that asks over HTTP: most agents have none.
    private var httpClient: HTTPClient?

    /// Listens on the socket; adapters begin with `open`.
    /// - Throws: as `HandoffServer.init`.
    public init(
        path: String, allow: [HandoffRule], adapters: [AdapterRule], in surroundings: Surroundings,
        settings: HandoffSettings = .init(), onEvent: @escaping @LoopActor (HandoffEvent) -> Void
    ) throws(LoopError) {
        let numbers = HandoffNumbers()
        self.numbers = numbers
        self.adapters = adapters
        self.surroundings = surroundings
        self.onEvent = onEvent
        lease = settings.lease
        server = try HandoffServer(path: path, allow: allow, settings: settings, numbers: numbers, onEvent: onEvent)
    }

    /// Looks for the server of a model, if the configuration gives it to an adapter. Idempotent.
    public func open(_ model: ModelName) {
        guard onEvent != nil, sessions[model] == nil, let rule = adapters.first(where: { $0.covers(model) }) else {
            return
        }
        guard sessions.count < Limits.adapterCountMax else {
            onEvent?(.noted(model, "not served: \(sessions.count) models have adapters, and no more are taken"))
            return
        }
        let adapter = makeAdapter(rule.kind, for: model)
        let session = AdapterSession(adapter, model: model, lease: lease, numbers: numbers) { [weak self] event in
            self?.onEvent?(event)
        }
        sessions[model] = session
        surroundings.start("adapter \(model)") { await session.run() }
    }

    /// Tells all processes that the agent ends, and ends what is the agent's own. No event comes after it.
    public func close() async {
        onEvent = nil
        server.close()
        for session in sessions.values { session.willClose() }
        httpClient?.close()
        for session in sessions.values { await session.close() }
        sessions = [:]
    }

    /// What is connected now, in the order in which it came.
    public var instances: [(instance: HandoffInstance, hello: HandoffHello, report: HandoffReport)] {
        let behind = sessions.values.compactMap(\.attachment).map { ($0.instance, $0.hello, $0.report) }
        return (server.instances + behind).sorted { $0.instance < $1.instance }
    }

    /// Versions whose files servers have open, or may open at any time.
    public var held: Set<Digest> {
        let connected = server.instances.flatMap { $0.hello.resident + [$0.report.active].compactMap(\.self) }
        return sessions.values.reduce(Set(connected)) { $0.union($1.held) }
    }

    /// A version failed for good. A server that is away must not start with it.
    public func withdraw(_ digest: Digest, of model: ModelName) { sessions[model]?.withdraw(digest) }

    // MARK: Commands
    // As those of `HandoffServer`, which they go to unless the instance is an adapter's.

    /// Has a version loaded. Answered by `.loaded` or `.loadFailed`.
    public func load(_ instance: HandoffInstance, _ load: HandoffLoad) {
        guard let session = session(of: instance) else { return server.load(instance, load) }
        session.ask(.load(load))
    }

    /// Has the calibration inputs run. Answered by `.calibrated` or `.calibrationFailed`.
    public func calibrate(_ instance: HandoffInstance, _ calibration: HandoffCalibration) {
        guard let session = session(of: instance) else { return server.calibrate(instance, calibration) }
        session.ask(.calibrate(calibration))
    }

    /// Has a loaded version serve. Answered by `.activated` or `.activateFailed`.
    public func activate(
        _ instance: HandoffInstance, _ digest: Digest, tag: Tag?, expecting expected: Digest?,
        within deadline: Duration = .seconds(Limits.rolloutActivateSeconds)
    ) {
        guard let session = session(of: instance) else {
            return server.activate(instance, digest, tag: tag, expecting: expected, within: deadline)
        }
        session.ask(.activate(digest, tag: tag, expecting: expected, deadline: deadline))
    }

    /// Has a version let go of. Answered by `.released`.
    public func release(_ instance: HandoffInstance, _ digest: Digest) {
        guard let session = session(of: instance) else { return server.release(instance, digest) }
        session.ask(.release(digest))
    }

    private func session(of instance: HandoffInstance) -> AdapterSession? {
        sessions.values.first { $0.attachment?.instance == instance }
    }

    // MARK: Adapters

    private func makeAdapter(_ kind: AdapterKind, for model: ModelName) -> any ServerAdapter {
        let template = Template(model)
        switch kind {
        case .v2(let server):
            return RepositoryAdapter(
                calls(server.url, server.headers, template), model: template.filled(server.model),
                place: PlaceKeeper(place(server.path, server.layout, template, model)), startTime: lease)
        case .versionDirectory(let server):
            return VersionFolderAdapter(
                calls(server.url, server.headers, template), model: template.filled(server.model),
                place: PlaceKeeper(place(server.path, .numbered, template, model)), reloadPath: server.reloadPath,
                startTime: lease)
        case .http(let server):
            return MessageAdapter(calls(server.url, server.headers, template), model: model)
        case .process(let server):
            let book = "\(surroundings.statePath)/\(Self.folder)/books/\(Template.escaped(model)).process-"
            return ProcessAdapter(
                server, model: model, place: PlaceKeeper(place(server.path, .link, template, model)),
                calls: ServerCalls(client: client, base: "", headers: [:]), orphans: OrphanBook(prefix: book),
                onLine: logLines(of: model))
        case .exec(let server):
            return CommandAdapter(
                command(server, template, model), model: model,
                place: PlaceKeeper(place(server.path, .link, template, model)), onLine: logLines(of: model))
        }
    }

    private func command(_ server: CommandServer, _ template: Template, _ model: ModelName) -> ChildProcess.Command {
        var command = ChildProcess.Command(server.command.map { template.filled($0) })
        command.environment = server.environment.mapValues { template.filled($0) }
        command.environment["SHOAL_LINK"] = linkPath(server.path, template, model)
        command.folder = server.folder.map { template.filled($0) }
        return command
    }

    /// What a command or a process writes goes to the log.
    private func logLines(of model: ModelName) -> @LoopActor (String) -> Void {
        let quota = LineQuota()
        return { [weak self] line in
            guard let line = quota.take(line) else { return }
            self?.onEvent?(.noted(model, plainText(line)))
        }
    }

    private func linkPath(_ path: String?, _ template: Template, _ model: ModelName) -> String {
        path.map { template.filled($0) }
            ?? "\(surroundings.statePath)/\(Self.folder)/links/\(Template.escaped(model))"
    }

    private var client: HTTPClient {
        let client = httpClient ?? HTTPClient()
        httpClient = client
        return client
    }

    private func calls(_ url: String, _ headers: [String: String], _ template: Template) -> ServerCalls {
        let url = template.filled(url)
        return ServerCalls(client: client, base: url.hasSuffix("/") ? String(url.dropLast()) : url, headers: headers)
    }

    private func place(
        _ path: String?, _ layout: RepositoryServer.Layout, _ template: Template, _ model: ModelName
    ) -> any ServerPlace {
        let folder = surroundings.statePath + "/" + Self.folder
        let book = PlaceBook(prefix: "\(folder)/books/\(Template.escaped(model))")
        let folders = StoreFolders(state: surroundings.statePath)
        let path = linkPath(path, template, model)
        return switch layout {
        case .link: LinkPlace(path: path, book: book, folders: folders)
        case .numbered: NumberedPlace(folder: path, book: book, folders: folders)
        }
    }

    private nonisolated static let folder = "handoff"

    /// Folders below the state folder that must exist before a router is made, and who may read them.
    public nonisolated static let foldersNeeded: [(path: String, mode: UInt32)] = [
        ("\(folder)/links", 0o750), ("\(folder)/books", 0o700),
    ]
}
