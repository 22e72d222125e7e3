import ArgumentParser
import Control
import EventLoop
import Trust
import Units

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a cluster, with this machine as its first node.",
        discussion: """
            Makes the root of trust, the CA, this node's identity, and three keys outside the state folder: a root \
            key, a publishing key (publish, promote) and an operator key (promote, deny). Move the root key to a \
            safe place, and back up the CA key, which stays in the state folder and lets other nodes in.
            """)

    @Option(name: .long, help: ArgumentHelp("The cluster's name.", valueName: "name")) var cluster: String
    @Option(name: .long, help: ArgumentHelp("This node's name.", valueName: "name")) var node: String
    @OptionGroup var keyOptions: KeyOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.init/1"
        let cluster: String
        let node: String
        let state: String
        let keys: String
    }

    func run() async throws {
        try await output.reporting {
            guard let cluster = NodeName(cluster), let node = NodeName(node) else {
                throw ControlError(
                    .wrongUsage,
                    "a cluster's or node's name has up to 64 letters, digits, dots, dashes and underscores",
                    hint: "It begins with a letter or a digit.")
            }
            let made = try create(cluster, node)
            let report = Report(
                cluster: made.cluster.hex, node: made.node.hex, state: agent.statePath, keys: made.keysPath)
            output.show(report, as: text)
        }
    }

    private func create(_ cluster: NodeName, _ node: NodeName) throws(ControlError) -> CreatedCluster {
        let id = ClusterSetup.drawClusterID()
        let keysPath = try keyOptions.path(cluster: id.hex)
        do throws(TrustError) {
            return try ClusterSetup(cluster: cluster, node: node, statePath: agent.statePath).create(
                id: id, keysPath: keysPath, now: Clock.wallTime())
        } catch {
            throw error.asControlError
        }
    }

    private func text(_ report: Report) -> String {
        """
        cluster \(cluster), id \(report.cluster); this node is \(node), id \(report.node)
        keys in \(report.keys):
          root.pem      changes the root of trust: move it off this machine, to a safe place
          publish.pem   publishes and promotes versions
          operator.pem  promotes and denies
        back up \(report.state)/keys/ca.pem: without it no other node can join
        next: shoal agent --state \(report.state)
        """
    }
}
