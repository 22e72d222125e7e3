internal import EventLoop
internal import Trust
internal import Units

/// `<state>/agent.json`: what commands decided.
@LoopActor
final class SettingsFile {
    private(set) var value: AgentSettings
    private let files: StateFolder
    /// One write at a time: of two at once the older might come last.
    private let gate = SerialGate()
    private nonisolated static let name = "agent.json"

    init(statePath: String) throws(TrustError) {
        files = try StateFolder(path: statePath)
        value = try files.readJSON(AgentSettings.self, at: Self.name) ?? AgentSettings()
    }

    /// Changes the settings, unless that fails: durable once this returns.
    func change(_ edit: (inout AgentSettings) -> Void) async throws(TrustError) {
        await gate.enter()
        defer { gate.leave() }
        var edited = value
        edit(&edited)
        guard edited != value else { return }
        let (files, changed) = (files, edited)
        do {
            try await ThreadPool.run { try files.writeJSON(changed, at: Self.name) }
        } catch {
            throw TrustError(.io, "\(error)")
        }
        value = edited
    }

    /// Adds a peer before any agent runs: what `shoal join` does.
    static func keepPeer(_ peer: HostPort, statePath: String) throws(TrustError) {
        let files = try StateFolder(path: statePath)
        var settings = try files.readJSON(AgentSettings.self, at: name) ?? AgentSettings()
        if !settings.peers.contains("\(peer)") { settings.peers.append("\(peer)") }
        try files.writeJSON(settings, at: name)
    }
}
