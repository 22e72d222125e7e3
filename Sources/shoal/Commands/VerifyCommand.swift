import ArgumentParser
import Control
import Units

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Hash what is on disk again and compare it with the manifests.",
        discussion: """
            Exits with 3 if anything was damaged. What is damaged is offered to no neighbour from then on, and \
            mended as soon as a neighbour has it; the agent does both by itself as well, for all that is on disk, \
            within the days of `disk.scrub_days`.
            """)

    @Argument(help: ArgumentHelp("MODEL or MODEL@VERSION; without it everything.", valueName: "model"))
    var reference: ModelReference?
    @Flag(name: .long, help: "Wait until what is damaged is mended from what neighbours and this machine have.")
    var repair = false
    @Option(
        name: .long,
        help: ArgumentHelp("How long to wait for a repair; it goes on afterwards.", valueName: "seconds"))
    var wait = 600
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            if reference?.channel != nil {
                throw ControlError(.wrongUsage, "verify takes a model or a version, not a channel")
            }
            let progress = ProgressLine()
            let request = VerifyVersions(
                model: reference?.model, version: reference?.version, repairSeconds: repair ? wait : nil)
            let report = try await agent.ask(request) { progress.show($0) }
            await progress.finish()
            output.show(report, as: text)
            let damaged = report.items.filter { $0.damagedChunks > 0 }
            guard damaged.isEmpty else {
                let names = damaged.map { "\($0.model)@\($0.tag)" }.joined(separator: ", ")
                throw ControlError(
                    .verificationFailed, "damaged: \(names)",
                    hint: damaged.allSatisfy(\.repaired)
                        ? "It is mended; look at the disk."
                        : "It is mended once a neighbour that has it is connected; look at the disk.")
            }
        }
    }

    private func text(_ report: VerifyReport) -> String {
        report.items.map { item in
            let verdict =
                item.damagedChunks == 0
                ? "ok"
                : "\(item.damagedChunks) chunks damaged in \(item.damagedFiles.joined(separator: ", "))"
                    + (item.repaired ? ", mended" : "")
            let variant = item.variant == VariantName.default.text ? "" : "  \(item.variant)"
            return "\(item.model)@\(item.tag)\(variant)  \(Format.bytes(item.bytes))  \(verdict)"
        }.joined(separator: "\n")
    }
}
