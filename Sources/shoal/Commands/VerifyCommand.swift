import ArgumentParser
import Control

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Hash what is on disk again and compare it with the manifests.",
        discussion: "Exits with 3 if anything is damaged. What is damaged is offered to no neighbour from then on.")

    @Argument(help: ArgumentHelp("MODEL or MODEL@VERSION; without it everything.", valueName: "model"))
    var reference: ModelReference?
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            if reference?.channel != nil {
                throw ControlError(.wrongUsage, "verify takes a model or a version, not a channel")
            }
            let progress = ProgressLine()
            let request = VerifyVersions(model: reference?.model, version: reference?.version)
            let report = try await agent.ask(request) { progress.show($0) }
            await progress.finish()
            output.show(report, as: text)
            let damaged = report.items.filter { $0.damagedChunks > 0 }
            guard damaged.isEmpty else {
                throw ControlError(
                    .verificationFailed, "damaged: \(damaged.map { "\($0.model)@\($0.tag)" }.joined(separator: ", "))",
                    hint: "Remove the version and get it again; look at the disk.")
            }
        }
    }

    private func text(_ report: VerifyReport) -> String {
        report.items.map { item in
            let verdict =
                item.damagedChunks == 0
                ? "ok" : "\(item.damagedChunks) chunks damaged in \(item.damagedFiles.joined(separator: ", "))"
            return "\(item.model)@\(item.tag)  \(Format.bytes(item.bytes))  \(verdict)"
        }.joined(separator: "\n")
    }
}
