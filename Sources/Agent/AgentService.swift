public import Control
internal import EventLoop
internal import Files
internal import Glibc
internal import Handoff
internal import Logging
internal import Store
internal import Trust
internal import Units

/// `shoal agent`: an agent's life from its state folder to SIGTERM.
public enum AgentService {
    /// Where it lives, and how.
    public struct Options: Sendable {
        let statePath: String
        let controlPath: String
        let configuration: AgentConfiguration
        let isVerbose: Bool

        /// - Parameters:
        ///   - statePath: the state folder, which `shoal init` or `shoal join` has made.
        ///   - controlPath: where the control socket is put; a socket that nobody listens on is replaced.
        ///   - configuration: from the configuration file and the command line, already validated.
        ///   - isVerbose: logs debug events too.
        public init(statePath: String, controlPath: String, configuration: AgentConfiguration, isVerbose: Bool) {
            self.statePath = statePath
            self.controlPath = controlPath
            self.configuration = configuration
            self.isVerbose = isVerbose
        }
    }

    /// Runs until a signal ends it.
    /// - Throws: `ControlError` with the exit code that the command ends with.
    @LoopActor
    public static func run(_ options: Options) async throws(ControlError) {
        var log = Logger(label: "shoal") { EventLogHandler(label: $0) }
        log.logLevel = options.isVerbose ? .debug : .info
        let agent = try await open(options, log)
        let server = ControlServer()
        AgentAPI(agent: agent).attach(to: server)
        do {
            try makeFolders(options)
            try await agent.start(handoffPath: options.statePath + "/handoff/handoff.sock")
            try server.listen(path: options.controlPath, mode: 0o660)
        } catch {
            await agent.stop()
            throw ControlError(.badConfiguration, "the agent cannot start: \(error)")
        }
        log.notice(
            "running", metadata: ["node": "\(agent.trust.identity.node)", "listen": "\(options.configuration.listen)"])
        await untilSignal(log)
        server.close()
        await agent.stop()
        log.notice("ended")
    }

    @LoopActor
    private static func open(_ options: Options, _ log: Logger) async throws(ControlError) -> Agent {
        do {
            let trust = try Trust.open(statePath: options.statePath)
            let store = try await Store.open(options.statePath, node: trust.identity.node)
            trust.removeLeftovers()
            let settings = try SettingsFile(statePath: options.statePath)
            return try Agent(
                .init(
                    statePath: options.statePath, configuration: options.configuration, trust: trust, store: store,
                    settings: settings, log: log,
                    hardware: HardwareProbe(root: "/").run()))
        } catch let error as TrustError {
            throw ControlError(
                [.io, .full, .readOnly].contains(error.code) ? .failed : .badConfiguration, error.description)
        } catch let error as StoreError {
            throw ControlError(
                error.code == .foreign || error.code == .busy ? .badConfiguration : .failed, error.description)
        } catch {
            throw ControlError(.failed, "\(error)")
        }
    }

    private static func makeFolders(_ options: Options) throws(FileError) {
        let files = try RealFileSystem(folder: options.statePath)
        try files.makeDurableDirectory("run", mode: 0o750)
        try files.makeDurableDirectory("handoff", mode: 0o750)
        for (path, mode) in HandoffRouter.foldersNeeded {
            try files.makeDurableDirectory(StorePath(parsing: path), mode: mode)
        }
    }

    @LoopActor
    private static func untilSignal(_ log: Logger) async {
        var watchers: [SignalWatcher] = []
        let signal = await withCheckedContinuation { (continuation: CheckedContinuation<Int32, Never>) in
            let first = FirstOnly(continuation)
            for signal in [SIGTERM, SIGINT] {
                if let watcher = try? SignalWatcher(signal, { first.resume(signal) }) { watchers.append(watcher) }
            }
        }
        for watcher in watchers { watcher.close() }
        log.notice("ending", metadata: ["signal": "\(signal)"])
    }
}

/// Resumes once, however many signals come.
@LoopActor
private final class FirstOnly {
    private var continuation: CheckedContinuation<Int32, Never>?

    init(_ continuation: CheckedContinuation<Int32, Never>) { self.continuation = continuation }

    func resume(_ signal: Int32) {
        continuation?.resume(returning: signal)
        continuation = nil
    }
}
