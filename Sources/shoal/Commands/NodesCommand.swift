import ArgumentParser
import Control

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
    /// Whether it has all labels that are named; `node` is its name.
    fileprivate func isSelected(by selector: Selector) -> Bool {
        selector.text.split(separator: ",").allSatisfy { term in
            let parts = term.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return (parts[0] == "node" ? name : labels[parts[0]]) == parts[1]
        }
    }

    /// Whether something of it is not as it should be.
    fileprivate var isBehind: Bool {
        state != "running" || models.contains { isDeciding($0) && ($0.state == "failed" || $0.wanted != $0.served) }
    }

    /// Of several channels of one model one says what the node runs.
    private func isDeciding(_ model: NodeModel) -> Bool {
        let channels = models.filter { $0.model == model.model }.map(\.channel)
        return model.channel == (channels.contains("stable") ? "stable" : channels.first)
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
