import Agent
import ArgumentParser

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "What this binary is.")
    @OptionGroup var output: JSONOption

    private struct Report: Encodable {
        let schema = "shoal.version/1"
        let version = Software.version
        let protocols = ["shoal/1", "shoal-join/1", "handoff/1"]
    }

    func run() async throws {
        output.show(Report()) { "shoal \($0.version), protocols \($0.protocols.joined(separator: ", "))" }
    }
}
