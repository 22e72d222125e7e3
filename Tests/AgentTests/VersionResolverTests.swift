import EventLoop
import Manifest
import Testing
import Trust
import Units

@testable import Agent

@Suite @LoopActor struct VersionResolverTests {
    private let node: FirstNode
    private let resolver: VersionResolver
    private let fish: ModelName

    init() throws {
        node = try FirstNode()
        resolver = VersionResolver(trust: node.trust)
        fish = try #require(ModelName("fish"))
    }

    private func found(_ choice: VersionChoice) -> Digest? {
        if case .found(let manifest) = resolver.resolve(fish, choice) { manifest.digest } else { nil }
    }

    private func isUnknown(_ choice: VersionChoice) -> Bool {
        if case .unknown = resolver.resolve(fish, choice) { true } else { false }
    }

    private func ambiguous(_ choice: VersionChoice) -> Set<Digest> {
        if case .ambiguous(let digests) = resolver.resolve(fish, choice) { Set(digests) } else { [] }
    }

    @Test func aTagAndTheDigitsOfADigestNameAVersion() async throws {
        let first = try await node.publish("1.0", number: 1)
        let second = try await node.publish("2.0", number: 2)
        #expect(found(.named("1.0")) == first.digest && found(.named("2.0")) == second.digest)
        #expect(found(.named(String(first.digest.hex.prefix(8)))) == first.digest)
        #expect(found(.named(second.digest.hex.uppercased())) == second.digest)
        #expect(isUnknown(.named("3.0")) && isUnknown(.named(String(first.digest.hex.prefix(7)))))
        #expect(resolver.versions(of: fish).map(\.digest) == [second.digest, first.digest])
    }

    @Test func aModelsVersionsAreItsOwn() async throws {
        _ = try await node.publish("1.0", number: 1, model: "crab")
        #expect(isUnknown(.named("1.0")) && resolver.versions(of: fish).isEmpty)
    }

    @Test func aChannelNamesWhatItsHeadNames() async throws {
        let canary = try #require(ChannelName("canary"))
        #expect(isUnknown(.channel(.stable)))
        let version = try await node.publish("1.0", number: 1)
        try await node.move("stable", to: version.digest, counter: 1)
        #expect(found(.channel(.stable)) == version.digest && isUnknown(.channel(canary)))
    }

    @Test func aHeadToAVersionThatIsNotHereAsksForItsManifest() async throws {
        let absent = Digest(exactly: [UInt8](repeating: 7, count: 32))
        try await node.move("stable", to: absent, counter: 1)
        guard case .needsManifest(let digest) = resolver.resolve(fish, .channel(.stable)) else {
            Issue.record("not asked for")
            return
        }
        #expect(digest == absent)
    }

    @Test func twoVersionsWithOneTagAreNamedByNeitherUntilOneIsDenied() async throws {
        let first = try await node.publish("1.0", number: 1)
        let second = try await node.publish("1.0", number: 2)
        #expect(ambiguous(.named("1.0")) == [first.digest, second.digest])
        #expect(resolver.isAmbiguous(first) && resolver.isAmbiguous(second))
        #expect(found(.named(first.digest.hex)) == first.digest)
        try await node.deny(second.digest)
        #expect(found(.named("1.0")) == first.digest && !resolver.isAmbiguous(first))
    }
}
