internal import EventLoop
internal import Swarm
internal import Units

/// Opens TCP connections to peers and learned addresses.
@LoopActor
final class Dialler {
    private let peers: [HostPort]
    private let switchboard: Switchboard
    private let jobs: Jobs

    init(peers: [HostPort], switchboard: Switchboard, jobs: Jobs) {
        self.peers = peers
        self.switchboard = switchboard
        self.jobs = jobs
    }

    /// How many peers have a number.
    var peerCount: Int { peers.count }

    /// The peer behind a number of the core.
    func name(of target: DialTarget) -> String {
        switch target {
        case .peer(let number): peers.indices.contains(number) ? "\(peers[number])" : "peer \(number)"
        case .node(_, let endpoint): "\(endpoint)"
        }
    }

    /// Connects; the switchboard goes on, or its delegate is told of the failure.
    func dial(_ target: DialTarget) {
        jobs.start("dial \(target)") { [self] in
            do throws(LoopError) {
                switchboard.adopt(dialled: try await connect(target), for: target)
            } catch {
                switchboard.delegate?.dial(of: target, failed: .unreachable, why: error.detail)
            }
        }
    }

    private func connect(_ target: DialTarget) async throws(LoopError) -> ByteStream {
        var failure = LoopError(.notFound, "connect", "\(name(of: target)) has no address")
        for endpoint in try await endpoints(of: target) {
            do throws(LoopError) {
                return try await ByteStream.connect(to: endpoint, within: .seconds(Limits.dialSeconds))
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private func endpoints(of target: DialTarget) async throws(LoopError) -> [Endpoint] {
        switch target {
        case .node(_, let endpoint): [endpoint]
        case .peer(let number): peers.indices.contains(number) ? try await Resolver.resolve(peers[number]) : []
        }
    }
}
