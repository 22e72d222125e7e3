import ArgumentParser
import Control
import Units

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "The versions that this node knows, newest first.")

    @Argument(
        help: ArgumentHelp("MODEL, or MODEL:CHANNEL for what a channel names; without it all.", valueName: "model"))
    var reference: ModelReference?

    @Flag(name: .long, help: "Print the newest version's tag and nothing else.")
    var latest = false

    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            if latest, reference == nil {
                throw ControlError(
                    .wrongUsage, "--latest needs a model", hint: "For example: shoal list acme/detector --latest")
            }
            if let reference, reference.version != nil {
                throw ControlError(
                    .wrongUsage, "list takes a model, not a version", hint: "`shoal show` tells what a version is.")
            }
            var list = try await agent.ask(ListVersions(model: reference?.model))
            if let channel = reference?.channel { list.items = list.items.filter { $0.channels.contains(channel) } }
            if latest { return try printLatest(list) }
            output.show(list, as: table)
        }
    }

    private func printLatest(_ list: VersionList) throws(ControlError) {
        guard let newest = list.items.first(where: { !$0.denied }) else {
            throw ControlError(.notFound, "no version of \(reference?.model ?? "any model") is known here")
        }
        Terminal.print(newest.tag)
    }

    private func table(_ list: VersionList) -> String {
        Format.table(
            ["MODEL", "VERSION", "DIGEST", "SIZE", "FILES", "PUBLISHED", "CHANNELS", "HERE"],
            list.items.map {
                [
                    $0.model, $0.tag, String($0.version.prefix(12)), Format.bytes($0.bytes), String($0.files),
                    $0.created,
                    $0.channels.joined(separator: ","), state(of: $0),
                ]
            })
    }

    private func state(of version: VersionSummary) -> String {
        var words = [version.current ? "current" : version.local ? "yes" : "no"]
        if version.denied { words.append("denied") }
        if version.ambiguousTag { words.append("tag is ambiguous") }
        return words.joined(separator: ", ")
    }
}

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "What a version is made of, as its publisher signed it.")

    @Argument(help: ArgumentHelp("MODEL, MODEL@VERSION or MODEL:CHANNEL.", valueName: "model"))
    var reference: ModelReference
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            let request = ShowVersion(model: reference.model, version: reference.version, channel: reference.channel)
            output.show(try await agent.ask(request), as: text)
        }
    }

    private func text(_ detail: VersionDetail) -> String {
        let summary = detail.summary
        var lines = [
            "model      \(summary.model)", "version    \(summary.tag)", "digest     \(summary.version)",
            "published  \(summary.created), number \(summary.publishNumber)",
            "size       \(Format.bytes(summary.bytes)) in \(summary.files) files, \(detail.chunks) chunks of at most "
                + Format.bytes(Int64(detail.chunkBytes)),
            "channels   \(summary.channels.joined(separator: ", "))",
            "signed by  \(detail.signedBy.joined(separator: ", "))",
            "folder     \(detail.path)",
        ]
        if !detail.parent.isEmpty { lines.append("parent     \(detail.parent)") }
        lines += detail.lineage.sorted { $0.key < $1.key }.map {
            "lineage    \(Format.line($0.key)): \(Format.line($0.value))"
        }
        for variant in detail.variants {
            lines.append("variant    \(variant.name)")
            lines += variant.files.map { "  \($0.sha256)  \($0.path)  \(Format.bytes($0.bytes))" }
        }
        return lines.joined(separator: "\n")
    }
}
