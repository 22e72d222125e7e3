import ArgumentParser
import Control

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "This node, its neighbours and its models.")

    @Flag(name: .long, help: "Show it again every second until interrupted; with --json one object a line.")
    var watch = false
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            repeat {
                let status = try await agent.ask(GetStatus())
                if watch, output.json {
                    Terminal.print(String(decoding: ControlJSON.encode(status), as: UTF8.self))
                } else {
                    if watch, Terminal.hasColour { Terminal.print("\u{1B}[H\u{1B}[2J") }
                    output.show(status) { StatusText.render($0) }
                }
                if watch { try await Task.sleep(for: .seconds(1)) }
            } while watch
        }
    }
}

/// `shoal status` for people.
enum StatusText {
    static func render(_ status: StatusReport) -> String {
        [
            node(status.node), neighbours(status.neighbours), models(status.models), FetchText.table(status),
            FetchText.slowest(status.models),
        ].compactMap { $0 }.joined(separator: "\n\n")
    }

    private static func node(_ node: NodeStatus) -> String {
        let labels = node.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        return """
            node     \(node.name)  \(node.id)\(labels.isEmpty ? "" : "  " + labels)
            cluster  \(node.cluster)\(node.issuer ? ", gives certificates" : "")
            state    \(node.state) since \(node.startedAt), listening on \(node.listen)
            until    \(node.certificateExpires) its certificate is good
            """
    }

    private static func neighbours(_ neighbours: [NeighbourStatus]) -> String {
        guard !neighbours.isEmpty else { return "no neighbours" }
        return Format.table(
            ["NEIGHBOUR", "ADDRESS", "STATE", "DELAY", "RECEIVED", "SENT", "WHY"],
            neighbours.map {
                [
                    $0.name.isEmpty ? String($0.id.prefix(12)) : $0.name, $0.address, $0.state, "\($0.roundTripMs) ms",
                    Format.bytes($0.receivedBytes), Format.bytes($0.sentBytes), $0.reason,
                ]
            })
    }

    private static func models(_ models: [ModelStatus]) -> String {
        guard !models.isEmpty else { return "no models" }
        return Format.table(
            ["MODEL", "CHANNEL", "VERSION", "STATE", "HERE", "SERVING", "NOTE"],
            models.map {
                [
                    $0.model, $0.channel, $0.tag, $0.state, Format.percent($0.bytesVerified, of: $0.bytesTotal),
                    $0.serving?.tag ?? "", note(on: $0),
                ]
            })
    }

    private static func note(on model: ModelStatus) -> String {
        ([model.current ? "current" : "", model.stale ? "stale" : "", model.error].filter { !$0.isEmpty })
            .joined(separator: ", ")
    }
}
