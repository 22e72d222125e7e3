import Agent
import ArgumentParser
import Control
import EventLoop
import Glibc
import Trust
import Units

struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Let this machine into a cluster, with a token that one of its nodes made.",
        discussion: "Keeps the peer, so that `shoal agent` needs no further address.")

    @Argument(help: "What `shoal token create` printed.") var token: String
    @Option(name: .long, help: ArgumentHelp("The agent that made the token.", valueName: "host:port")) var peer: String
    @Option(name: .long, help: ArgumentHelp("This node's name. Without it: the machine's.", valueName: "name"))
    var node: String?
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.join/1"
        let cluster: String
        let node: String
        let name: String
    }

    func run() async throws {
        try await output.reporting {
            let request = JoinClient.Request(
                token: try parsedToken(), peer: try parsedPeer(), name: try nodeName(), statePath: agent.statePath)
            let joined: NodeIdentity
            do throws(TrustError) {
                joined = try await JoinClient.join(request)
            } catch {
                throw error.asControlError
            }
            let report = Report(cluster: joined.cluster.hex, node: joined.node.hex, name: joined.name.text)
            output.show(report) {
                """
                joined cluster \($0.cluster) as \($0.name), id \($0.node)
                next: shoal agent --state \(agent.statePath)
                """
            }
        }
    }

    private func parsedToken() throws(ControlError) -> JoinToken {
        do throws(JoinToken.Fault) {
            return try JoinToken(token)
        } catch {
            throw ControlError(.wrongUsage, error.advice)
        }
    }

    private func parsedPeer() throws(ControlError) -> HostPort {
        guard let parsed = HostPort(peer, defaultPort: Limits.defaultPort) else {
            throw ControlError(.wrongUsage, "--peer is HOST:PORT, not \(peer)")
        }
        return parsed
    }

    private func nodeName() throws(ControlError) -> NodeName {
        let text = node ?? Self.hostName
        guard let name = NodeName(text) else {
            throw ControlError(
                .wrongUsage, "\(text) is no node name", hint: "Choose one with --node: letters, digits, dots, dashes.")
        }
        return name
    }

    private static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
    }
}
