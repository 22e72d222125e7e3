import Crypto
import EventLoop
import Files
import FoundationEssentials
import Logging
import Manifest
import Store
import Swarm
import Testing
import Trust
import Units

@testable import Agent

/// A folder for one node's state, in memory where that can be had: the tests wait for each file's fsync.
final class StateFixture: Sendable {
    private let folder: String
    var statePath: String { "\(folder)/state" }
    var keysPath: String { "\(folder)/keys" }

    init() throws {
        let memory = URL(fileURLWithPath: "/dev/shm")
        let isThere = FileManager.default.isWritableFile(atPath: memory.path())
        let parent = isThere ? memory : FileManager.default.temporaryDirectory
        let made = parent.appending(path: "shoal-agent-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: made.appending(path: "state/handoff"), withIntermediateDirectories: true)
        folder = try RealFileSystem(folder: made.path()).folder
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Without anything in it, so that a node can be set up there.
    func emptied() throws -> StateFixture {
        try FileManager.default.removeItem(atPath: statePath)
        return self
    }
}

/// A cluster's first node, which issues certificates, and its publisher.
@LoopActor final class FirstNode {
    let folder: StateFixture
    let trust: Trust
    private let keys: KeyFolder

    init() throws {
        folder = try StateFixture().emptied()
        let setup = ClusterSetup(
            cluster: try #require(NodeName("harbour")), node: try #require(NodeName("berth")),
            statePath: folder.statePath)
        _ = try setup.create(id: ClusterSetup.drawClusterID(), keysPath: folder.keysPath, now: Clock.wallTime())
        keys = try KeyFolder.open(folder.keysPath)
        trust = try Trust.open(statePath: folder.statePath)
    }

    func desk() throws -> PublisherDesk { try PublisherDesk(rootEnvelope: trust.rootEnvelope, keys: keys) }

    func token(lifetimeSeconds: Int = 600) async throws -> JoinToken {
        let issuer = try #require(trust.issuer)
        let text = try await issuer.makeToken(
            rootDigest: trust.root.digest, lifetimeSeconds: lifetimeSeconds, now: Clock.wallTime()
        ).text
        return try JoinToken(text)
    }

    /// Signs a version of one empty file and has the node accept its manifest.
    func publish(_ tag: String, number: UInt64, model: String = "fish") async throws -> Verified<Manifest> {
        let file = FileEntry(path: try #require(FilePath("weights")), byteCount: 0, digest: SHA256.hash([]))
        let layout = Digest(exactly: SHA256.hash(Array(tag.utf8)).bytes)
        let manifest = try Manifest(
            model: try #require(ModelName(model)), tag: try #require(Tag(tag)), publishNumber: number,
            created: Clock.wallTime(),
            chunking: ChunkingParameters(algorithm: .fixed, smallest: 65_536, average: 65_536, largest: 65_536),
            layout: LayoutReference(digest: layout, byteCount: 18, chunkCount: 0),
            variants: [Variant(name: .default, files: [file])])
        return try await trust.receiveManifest(try desk().sign(manifest).encode(), expecting: nil)
    }

    func move(_ channel: String, to version: Digest, counter: UInt64, model: String = "fish") async throws {
        let name = ModelChannel(model: try #require(ModelName(model)), channel: try #require(ChannelName(channel)))
        let now = Clock.wallTime()
        let head = try Head(
            cluster: trust.root.value.cluster, rootVersion: 1, channel: name,
            rank: Rank(epoch: trust.root.value.epoch, counter: counter), version: version, issued: now,
            expires: now + .seconds(3600))
        _ = await trust.receive(try desk().sign(head).encode(), kind: .head)
    }

    func deny(_ version: Digest, counter: UInt64 = 1, model: String = "fish") async throws {
        let record = try DenyRecord(
            cluster: trust.root.value.cluster, rootVersion: 1,
            subject: .version(try #require(ModelName(model)), version), state: .denied,
            rank: Rank(epoch: trust.root.value.epoch, counter: counter), issued: Clock.wallTime())
        _ = await trust.receive(try desk().sign(record).encode(), kind: .deny)
    }
}

/// A whole agent on loopback, without its control socket.
@LoopActor final class RunningAgent {
    let agent: Agent
    var address: HostPort

    var node: NodeID { agent.trust.identity.node }

    init(
        _ folder: StateFixture, trust: Trust? = nil, peers: [HostPort] = [], limits: SwarmLimits = SwarmLimits()
    ) async throws {
        var configuration = AgentConfiguration()
        configuration.listen = try #require(Endpoint(parsing: "127.0.0.1:0", defaultPort: 0))
        configuration.peers = peers
        let trust = try trust ?? Trust.open(statePath: folder.statePath)
        let store = try await Store.open(folder.statePath, node: trust.identity.node)
        var log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        log.logLevel = .critical
        agent = try Agent(
            .init(
                statePath: folder.statePath, configuration: configuration, trust: trust, store: store,
                settings: try SettingsFile(statePath: folder.statePath), log: log, limits: limits))
        try FileManager.default.createDirectory(
            atPath: "\(folder.statePath)/handoff", withIntermediateDirectories: true)
        try await agent.start(handoffPath: "\(folder.statePath)/handoff/handoff.sock")
        let listening = try #require(agent.switchboard.listening)
        address = try #require(HostPort(listening.description, defaultPort: 0))
    }

    /// Waits, with a deadline, until `condition` holds.
    func reaches(_ condition: @LoopActor (Agent) -> Bool) async throws {
        let limit = Clock.now() + .seconds(10)
        while !condition(agent) {
            try #require(Clock.now() < limit, "this did not come about within 10 s")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    func stop() async { await agent.stop() }
}
