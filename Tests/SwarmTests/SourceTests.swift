import Swarm
import Testing
import Units
import Wire

/// One core alone; the test plays its neighbours.
@Suite struct SourceTests {
    private static let version = Digest(exactly: Array(repeating: 7, count: 32))
    private static let chunkByteCount = 4 << 20

    private struct Scene {
        var swarm = Swarm(node: SourceTests.node(0), labels: [:], seed: 1)
        var effects: [SwarmEffect] = []
        var now = Instant.zero

        mutating func feed(_ event: SwarmEvent) {
            swarm.handle(event, now: now)
            while let effect = swarm.nextEffect() { effects.append(effect) }
        }

        /// Lets time pass a tenth of a second at a time.
        mutating func wait(seconds: Int, _ eachSecond: (inout Scene) -> Void = { _ in }) {
            for _ in 0..<seconds {
                for _ in 0..<10 {
                    now = now + .milliseconds(100)
                    feed(.timePassed)
                }
                eachSecond(&self)
            }
        }

        var tickets: [ChunkTicket] {
            effects.compactMap { if case .request(let ticket, _) = $0 { ticket } else { nil } }
        }

        /// Not `effects.contains`, whose failure would print them all.
        func has(_ effect: SwarmEffect) -> Bool { effects.contains(effect) }

        func sent(to node: NodeID) -> [Message] {
            effects.compactMap { if case .send(let message, node) = $0 { message } else { nil } }
        }
    }

    private static func node(_ number: UInt8) -> NodeID {
        NodeID(exactly: Array(repeating: 0, count: 15) + [number])
    }

    private static func scene(neighbours: [UInt8], isComplete: Bool) throws -> Scene {
        var scene = Scene()
        let address = try #require(IPAddress([127, 0, 0, 1]))
        for number in neighbours {
            scene.feed(
                .neighbourConnected(
                    Introduction(node: node(number), listeningPort: 7000, remoteAddress: address, dialled: nil)))
        }
        let held = isComplete ? ChunkSet.full(capacity: 1) : ChunkSet(capacity: 1)
        let plan = VersionPlan(
            version: version, model: try #require(ModelName("test")), chunkByteCounts: [UInt32(chunkByteCount)],
            held: held, needed: .full(capacity: 1), seeding: .ordinary)
        scene.feed(.versionAdded(plan))
        return scene
    }

    /// A whole copy at a neighbour, and a request that was sent there for it.
    private static func asked() throws -> (Scene, ChunkTicket) {
        var scene = try scene(neighbours: [1], isComplete: false)
        let holdings = Holdings(version: version, flags: .complete, chunkCount: 1)
        scene.feed(.received(.holdings(holdings), from: node(1)))
        return (scene, try #require(scene.tickets.last))
    }

    @Test func aSoleSourceThatDrips_losesTheRequest_andTheThirdTimeTheConnection() throws {
        var (scene, first) = try Self.asked()
        func drip(_ scene: inout Scene) {
            guard let ticket = scene.tickets.last else { return }
            let received = scene.effects.count {
                if case .send(.cancel(ticket.request), _) = $0 { true } else { false }
            }
            guard received == 0 else { return }
            scene.feed(
                .dataReceived(
                    DataSpan(
                        neighbour: ticket.source, request: ticket.request, offset: offset[ticket.request, default: 0],
                        byteCount: 1)))
            offset[ticket.request, default: 0] += 1
        }
        var offset: [RequestID: Int] = [:]
        scene.wait(seconds: 9, drip)
        #expect(!scene.sent(to: Self.node(1)).contains(.cancel(first.request)))
        scene.wait(seconds: 6, drip)
        #expect(scene.sent(to: Self.node(1)).contains(.cancel(first.request)))
        #expect(scene.has(.note(.sourceSlow(Self.node(1), requestCount: 1))))
        scene.wait(seconds: 40, drip)
        #expect(scene.has(.disconnect(Self.node(1), because: .stalled)))
    }

    @Test func aSoleSourceThatIsSlowButMoves_keepsTheRequest() throws {
        var (scene, ticket) = try Self.asked()
        var offset = 0
        scene.wait(seconds: 40) { scene in
            scene.feed(
                .dataReceived(
                    DataSpan(neighbour: ticket.source, request: ticket.request, offset: offset, byteCount: 16 << 10)))
            offset += 16 << 10
        }
        #expect(scene.tickets == [ticket])
        #expect(!scene.sent(to: Self.node(1)).contains(.cancel(ticket.request)))
    }

    @Test func bad_isHeeded_althoughTheConnectionEndsAtOnce() throws {
        var scene = try Self.scene(neighbours: [1, 2], isComplete: true)
        scene.feed(.received(.bad(ChunkReference(version: Self.version, chunk: 0)), from: Self.node(1)))
        scene.feed(.neighbourLost(Self.node(1)))
        #expect(scene.has(.recheck(Self.version, 0)))
        scene.feed(.chunkRechecked(Self.version, 0, .damaged))
        let withdraw = Message.withdraw(ChunkList(version: Self.version, chunks: [0]))
        #expect(scene.sent(to: Self.node(2)).contains(withdraw))
        #expect(!scene.sent(to: Self.node(1)).contains(withdraw))
    }

    @Test func aRequestThatCrossesLeave_isRefused_notBlamed() throws {
        var scene = try Self.scene(neighbours: [1], isComplete: true)
        scene.feed(.versionRemoved(Self.version, because: .unwanted))
        #expect(scene.sent(to: Self.node(1)).contains(.leave(Self.version)))
        let chunk = ChunkReference(version: Self.version, chunk: 0)
        scene.feed(.received(.request(Request(request: 1, chunk: chunk)), from: Self.node(1)))
        #expect(scene.sent(to: Self.node(1)).last == .refuse(Refuse(request: 1, reason: .leaving)))
    }

    @Test func whatNamesAVersionAfterItsSenderLeftIt_isUnknown() throws {
        var (scene, _) = try Self.asked()
        scene.feed(.received(.leave(Self.version), from: Self.node(1)))
        scene.feed(.received(.have(ChunkList(version: Self.version, chunks: [0])), from: Self.node(1)))
        #expect(scene.has(.disconnect(Self.node(1), because: .unknownVersion)))
    }
}
