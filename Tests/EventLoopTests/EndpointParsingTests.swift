import EventLoop
import Testing
import Units

@Suite struct EndpointParsingTests {
    @Test(arguments: [
        ("10.0.0.1:7447", "10.0.0.1:7447"), ("10.0.0.1", "10.0.0.1:1"), ("[::1]:80", "[0:0:0:0:0:0:0:1]:80"),
        ("[::1]", "[0:0:0:0:0:0:0:1]:1"), ("::1", "[0:0:0:0:0:0:0:1]:1"), ("[::ffff:10.0.0.1]:2", "10.0.0.1:2"),
        ("0.0.0.0:0", "0.0.0.0:0"),
    ])
    func goodAddressesAreRead(text: String, expected: String) {
        #expect(Endpoint(parsing: text, defaultPort: 1)?.description == expected)
    }

    @Test(arguments: [
        "", ":", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:+1", "10.0.0.1:-1", "10.0.0.1:x", "[10.0.0.1]:1", "[::1",
        "[::1]x",
        "node:1", "fe80::1%eth0", "[]:1", "10.0.0:1", "10.0.0.1:1:2",
    ])
    func badAddressesAreRefused(text: String) {
        #expect(Endpoint(parsing: text, defaultPort: 1) == nil)
    }

    @Test func withoutADefaultThePortIsNeeded() {
        #expect(Endpoint(parsing: "10.0.0.1", defaultPort: nil) == nil)
        #expect(Endpoint(parsing: "10.0.0.1:5", defaultPort: nil)?.port == 5)
    }

    @Test(arguments: ["node-1.example:5", "node_1:5", "10.0.0.1:5", "[::1]:5"])
    func hostsAreReadAndWrittenAlike(text: String) {
        #expect(HostPort(text, defaultPort: 7447)?.description == text)
    }

    @Test func theDefaultPortIsUsedWhereNoneIsGiven() { #expect(HostPort("node", defaultPort: 7447)?.port == 7447) }

    @Test(arguments: ["", "a b", "-x", "a/b", "[node]:1", "node:99999", ".x", String(repeating: "a", count: 254)])
    func badHostsAreRefused(text: String) {
        #expect(HostPort(text, defaultPort: 1) == nil)
    }

    @Test func localhostResolvesAndAnAddressIsItsOwnAnswer() async throws {
        let localhost = try #require(HostPort("localhost:9", defaultPort: 1))
        let found = try await Resolver.resolve(localhost)
        #expect(!found.isEmpty)
        #expect(found.allSatisfy { $0.address.isLoopback && $0.port == 9 })
        let literal = try #require(HostPort("[::1]:8", defaultPort: 1))
        #expect(try await Resolver.resolve(literal).map(\.description) == ["[0:0:0:0:0:0:0:1]:8"])
    }

    @Test func aNameThatDoesNotExistGivesAnError() async throws {
        let name = try #require(HostPort("no-such-host.invalid:9", defaultPort: 1))
        await #expect(throws: LoopError.self) { try await Resolver.resolve(name) }
    }
}
