import Crypto
import EventLoop
import Manifest
import Testing
import Trust
import Units

@testable import Agent

/// Newcomers and an issuer over real sockets.
@Suite @LoopActor struct JoiningTests {
    private let first: FirstNode
    private let issuer: RunningAgent

    init() async throws {
        first = try FirstNode()
        issuer = try await RunningAgent(first.folder, trust: first.trust)
    }

    private func join(_ token: JoinToken, at peer: HostPort? = nil, into folder: StateFixture) async -> TrustError? {
        do {
            let name = try #require(NodeName("quay"))
            _ = try await JoinClient.join(
                .init(token: token, peer: peer ?? issuer.address, name: name, statePath: folder.statePath))
            return nil
        } catch {
            return error as? TrustError ?? TrustError(.io, "\(error)")
        }
    }

    @Test func aNewcomerJoinsAndItsAgentMeetsTheIssuer() async throws {
        let folder = try StateFixture().emptied()
        #expect(await join(try first.token(), into: folder) == nil)
        let agent = try await RunningAgent(folder)
        #expect(agent.agent.settings.value.peers == [issuer.address.description])
        let node = agent.agent.trust.identity.node
        try await issuer.reaches { $0.switchboard.links[node]?.identity.name.text == "quay" }
        try await agent.reaches { $0.switchboard.links.count == 1 }
        await agent.stop()
        try await issuer.reaches { $0.switchboard.links.isEmpty }
        await issuer.stop()
    }

    @Test func aTokenIsGoodForOneNode() async throws {
        let token = try await first.token()
        #expect(await join(token, into: try StateFixture().emptied()) == nil)
        let error = try #require(await join(token, into: try StateFixture().emptied()))
        #expect(error.description.contains("used"), "\(error)")
        await issuer.stop()
    }

    @Test func aTokenOfAnotherClusterFindsTheWrongAgent() async throws {
        let token = try await FirstNode().token()
        let folder = try StateFixture().emptied()
        #expect(await join(token, into: folder)?.code == .unavailable)
        #expect(await join(try first.token(), into: folder) == nil, "the folder is still good for a token that fits")
        await issuer.stop()
    }

    @Test func anAgentWithoutTheCAKeySaysSo() async throws {
        let folder = try StateFixture().emptied()
        #expect(await join(try first.token(), into: folder) == nil)
        let member = try await RunningAgent(folder)
        let token = try await first.token()
        let error = try #require(await join(token, at: member.address, into: try StateFixture().emptied()))
        #expect(error.description.contains("CA key"), "\(error)")
        await member.stop()
        await issuer.stop()
    }

    @Test func whereNobodyListensTheErrorNamesTheAddress() async throws {
        let address = issuer.address
        let token = try await first.token()
        await issuer.stop()
        let error = try #require(await join(token, at: address, into: try StateFixture().emptied()))
        #expect(error.description.contains(address.description), "\(error)")
    }

    @Test func documentsReachANewNeighbour() async throws {
        let version = try await first.publish("1.0", number: 1)
        try await first.move("stable", to: version.digest, counter: 1)
        let folder = try StateFixture().emptied()
        #expect(await join(try first.token(), into: folder) == nil)
        let agent = try await RunningAgent(folder)
        let fish = ModelChannel(model: version.value.model, channel: .stable)
        try await agent.reaches { $0.trust.heads[fish]?.value.version == version.digest }
        try await first.deny(version.digest)
        let record = try #require(first.trust.denyList.record(of: .version(fish.model, version.digest)))
        issuer.agent.exchange.spread(.deny(record), except: nil)
        try await agent.reaches { $0.trust.denyList.isDenied(version.digest, of: fish.model) }
        await agent.stop()
        await issuer.stop()
    }
}
