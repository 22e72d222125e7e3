import Crypto
import EventLoop
import Swarm
import Testing
import Trust
import Units

@testable import Agent

/// A node that has no room, over real sockets.
@Suite @LoopActor struct FullNodeTests {
    private func member(of issuer: RunningAgent, _ first: FirstNode, _ name: String) async throws -> RunningAgent {
        let folder = try StateFixture().emptied()
        _ = try await JoinClient.join(
            .init(
                token: try await first.token(), peer: issuer.address, name: try #require(NodeName(name)),
                statePath: folder.statePath))
        return try await RunningAgent(folder)
    }

    @Test func whoFindsNoRoomAtItsOnlyPeer_meetsOthersThroughIt() async throws {
        let first = try FirstNode()
        var limits = SwarmLimits()
        limits.neighbourCountMax = 1
        let full = try await RunningAgent(first.folder, trust: first.trust, limits: limits)
        let early = try await member(of: full, first, "early")
        try await full.reaches { $0.switchboard.links[early.node] != nil }

        let late = try await member(of: full, first, "late")
        try await late.reaches { $0.switchboard.links[early.node] != nil }
        try await early.reaches { $0.switchboard.links[late.node] != nil }
        #expect(full.agent.switchboard.links[late.node] == nil)
        try await late.reaches { $0.directory.records[full.node]?.reason.contains("busy") == true }
        for agent in [late, early, full] { await agent.stop() }
    }
}
