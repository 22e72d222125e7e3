import ArgumentParser
import Control

/// `--json`, and what a command does with its errors.
struct JSONOption: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    /// Runs a command's work; its `ControlError` becomes words on stderr and the exit code.
    func reporting(_ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch let error as ControlError {
            throw report(error)
        }
    }

    /// Prints `value` as JSON if that was asked for, else what `text` makes of it.
    func show<T: Encodable>(_ value: T, as text: (T) -> String) {
        Terminal.print(json ? ControlJSON.pretty(value) : text(value))
    }

    private func report(_ error: ControlError) -> ExitCode {
        if json {
            Terminal.printError(String(decoding: ControlJSON.encode(["error": error]), as: UTF8.self))
        } else {
            Terminal.printError("shoal: \(error)")
        }
        return ExitCode(error.exit.rawValue)
    }
}
