import EventLoop
import FoundationEssentials
import Testing
import Trust
import Units

@testable import Agent

@Suite struct AgentSettingsTests {
    private func channel(_ model: String, _ name: String = "stable") throws -> ModelChannel {
        ModelChannel(model: try #require(ModelName(model)), channel: try #require(ChannelName(name)))
    }

    @Test func followsAreASetInOrder() throws {
        var settings = AgentSettings()
        settings.set(try channel("fish"), followed: true)
        settings.set(try channel("acme/crab", "canary"), followed: true)
        settings.set(try channel("fish"), followed: true)
        #expect(settings.follows == ["acme/crab:canary", "fish:stable"])
        #expect(settings.followed == [try channel("acme/crab", "canary"), try channel("fish")])
        settings.set(try channel("fish"), followed: false)
        settings.set(try channel("nobody"), followed: false)
        #expect(settings.follows == ["acme/crab:canary"])
    }

    @Test func aFollowThatIsNoChannelIsPassedOver() {
        let settings = AgentSettings(follows: ["fish", ":stable", "fish:", "a//b:stable", "crab:stable"])
        #expect(settings.followed.map(\.description) == ["crab:stable"])
    }

    @Test @LoopActor func whatCommandsDecidedIsThereAfterARestart() async throws {
        let folder = try StateFixture()
        let first = try SettingsFile(statePath: folder.statePath)
        #expect(first.value == AgentSettings())
        try await first.change { $0.follows = ["fish:stable"] }
        try await first.change { $0.fetched["crab"] = "00" }
        let peer = try #require(HostPort("berth:7447", defaultPort: 1))
        try SettingsFile.keepPeer(peer, statePath: folder.statePath)
        try SettingsFile.keepPeer(peer, statePath: folder.statePath)
        let second = try SettingsFile(statePath: folder.statePath)
        #expect(second.value.follows == ["fish:stable"] && second.value.fetched == ["crab": "00"])
        #expect(second.value.peers == ["berth:7447"])
    }

    @Test @LoopActor func aDamagedFileIsAnErrorThatNamesIt() throws {
        let folder = try StateFixture()
        try Data("{".utf8).write(to: URL(fileURLWithPath: "\(folder.statePath)/agent.json"))
        let error = #expect(throws: TrustError.self) { try SettingsFile(statePath: folder.statePath) }
        #expect(error?.description.contains("agent.json") == true)
    }
}
