import ArgumentParser
import Control
import Glibc

/// Where the state and the agent's control socket are.
struct StateOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The agent's state folder. Without it: $SHOAL_STATE, else /var/lib/shoal.", valueName: "dir"))
    var state: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The agent's control socket. Without it: run/control.sock in the state folder.", valueName: "path"))
    var control: String?

    var statePath: String { state ?? Environment.value("SHOAL_STATE") ?? "/var/lib/shoal" }

    var controlPath: String { control ?? statePath + "/run/control.sock" }

    /// Asks the agent one question.
    func ask<Method: ControlMethod>(
        _ request: Method, onProgress: @escaping ControlClient.ProgressSink = { _ in }
    ) async throws(ControlError) -> Method.Reply {
        let client = try await ControlClient.connect(path: controlPath)
        defer { Task { await client.close() } }
        return try await client.call(request, onProgress: onProgress)
    }
}

/// The process's environment.
enum Environment {
    /// Nil if unset or empty.
    static func value(_ name: String) -> String? {
        guard let raw = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: raw)
        return text.isEmpty ? nil : text
    }
}
