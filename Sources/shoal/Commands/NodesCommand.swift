import ArgumentParser
import Control
import Rollout
import Units

struct NodesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes", abstract: "What every node of the cluster runs, by its own word.",
        subcommands: [Show.self, Forget.self], defaultSubcommand: Show.self)

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "One row for each node and model, with how old it is.")

        @Option(name: .long, help: ArgumentHelp("Only nodes with these labels.", valueName: "key=value"))
        var label: Selector?
        @Flag(name: .long, help: "Only nodes that are behind: silent, gone, failed, or not at what they should run.")
        var slow = false
        @OptionGroup var output: JSONOption
        @OptionGroup var agent: StateOptions

        func run() async throws {
            try await output.reporting {
                var list = try await agent.ask(ListNodes())
                if let label { list.nodes.removeAll { !$0.isSelected(by: label) } }
                if slow { list.nodes.removeAll { !$0.isBehind } }
                output.show(list) { NodesText.table($0) }
            }
        }
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "forget",
            abstract: "Leave a node out that will not come back, here, until it reports again.",
            discussion: "A rollout does not wait for it any more. To shut a node out of the cluster: `shoal deny`.")

        @Argument(help: ArgumentHelp("A node's name or id.", valueName: "node")) var node: String
        @OptionGroup var output: JSONOption
        @OptionGroup var agent: StateOptions

        private struct Report: Encodable {
            let schema = "shoal.forget/1"
            let node: String
        }

        func run() async throws {
            try await output.reporting {
                _ = try await agent.ask(ForgetNode(node: node))
                output.show(Report(node: node)) { "\($0.node) is forgotten here" }
            }
        }
    }
}

extension NodeRow {
    fileprivate func isSelected(by selector: Selector) -> Bool {
        guard let node = NodeID(hex: id) else { return false }
        return NodePlace(node: node, name: name, labels: labels).isSelected(by: selector.text)
    }

    /// Whether something of it is not as it should be.
    fileprivate var isBehind: Bool {
        let channels = models.compactMap(\.reference)
        return state != "running"
            || models.contains { model in
                let decides = model.reference.map { channels.deciding(for: $0.model) == $0 } ?? false
                return decides && (model.state == "failed" || model.wanted != model.served)
            }
    }
}

extension NodeModel {
    fileprivate var reference: ModelChannel? {
        guard let model = ModelName(model), let channel = ChannelName(channel) else { return nil }
        return ModelChannel(model: model, channel: channel)
    }
}

/// `shoal nodes` for people.
enum NodesText {
    static func table(_ list: NodeList) -> String {
        guard !list.nodes.isEmpty else { return "no nodes" }
        return Format.table(
            ["NODE", "LABELS", "STATE", "AGE", "MODEL", "SERVES", "SHOULD", "HERE", "IS", "WHY"],
            list.nodes.flatMap(rows))
    }

    private static func rows(of node: NodeRow) -> [[String]] {
        let labels = node.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        let head = [node.name, Format.line(labels), Format.line(node.state), Format.seconds(node.ageSeconds)]
        guard !node.models.isEmpty else { return [head + ["", "", "", "", "", ""]] }
        return node.models.map { model in
            head + [
                "\(model.model):\(model.channel)", model.served.text, model.wanted.text,
                "\(Int((model.fetched * 100).rounded(.down))) %", model.state, Format.line(model.reason),
            ]
        }
    }
}
