import EventLoop
import HTTPClient
import HTTPTesting
import Testing
import Units

@Suite struct HTTPClientTests {
    private let soon = Duration.seconds(5)

    @Test @LoopActor func aGetBringsStatusAndBody() async throws {
        let server = try FakeHTTPServer { _ in .answer(203, Array("well".utf8)) }
        let client = HTTPClient()
        let response = try await client.send(.get(server.url + "/a/b?c=d", within: soon))
        #expect(response.status == 203 && response.isSuccess)
        #expect(String(decoding: response.body, as: UTF8.self) == "well")
        #expect(server.asked.first?.method == "GET" && server.asked.first?.path == "/a/b?c=d")
        client.close()
        server.close()
    }

    @Test @LoopActor func aPostSendsItsBodyAndHeaders() async throws {
        let server = try FakeHTTPServer { .answer(200, Array($0.body.utf8)) }
        let client = HTTPClient()
        let body = Array(#"{"type":"hello"}"#.utf8)
        let response = try await client.send(
            .post(server.url, json: body, within: soon, headers: ["Authorization": "Bearer x"]))
        #expect(response.body == body)
        let asked = try #require(server.asked.first)
        #expect(asked.method == "POST" && asked.headers.contains("Content-Type: application/json"))
        #expect(asked.headers.contains("Authorization: Bearer x"))
        let empty = try await client.send(.post(server.url, json: [], within: soon))
        #expect(empty.body.isEmpty && server.asked.last?.headers.contains("Content-Length: 0") == true)
        client.close()
        server.close()
    }

    @Test @LoopActor func manyRequestsRunAtTheSameTime() async throws {
        let server = try FakeHTTPServer { .answer(200, Array($0.path.utf8)) }
        let client = HTTPClient()
        let url = server.url
        let requests = (0..<50).map { number in
            Task { @LoopActor in try await client.send(.get("\(url)/\(number)", within: .seconds(5))).body }
        }
        var bodies: Set<[UInt8]> = []
        for request in requests { bodies.insert(try await request.value) }
        #expect(bodies.count == 50)
        client.close()
        server.close()
    }

    @Test @LoopActor func aRedirectIsAnAnswerAndIsNotFollowed() async throws {
        let server = try FakeHTTPServer { _ in
            .raw(Array("HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n".utf8))
        }
        let client = HTTPClient()
        #expect(try await client.send(.get(server.url, within: soon)).status == 302)
        #expect(server.asked.count == 1)
        client.close()
        server.close()
    }

    @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/", "nonsense", "http://a b/", "gopher://x/"])
    @LoopActor func whatIsNoHTTPIsRefused(_ url: String) async throws {
        let client = HTTPClient()
        let error = try #require(await failure(client, .get(url, within: soon)))
        #expect(error.code == .invalid || error.code == .refused, "\(error)")
        client.close()
    }

    @Test @LoopActor func aHeaderWithALineBreakIsRefused() async throws {
        let client = HTTPClient()
        let request = HTTPRequest.get("http://127.0.0.1:1/", within: soon, headers: ["X": "a\r\nY: b"])
        #expect(await failure(client, request)?.code == .invalid)
        client.close()
    }

    @Test @LoopActor func nobodyThereIsRefused() async throws {
        let server = try FakeHTTPServer { _ in .silence }
        let url = server.url
        server.close()
        let client = HTTPClient()
        #expect(await failure(client, .get(url, within: soon))?.code == .refused)
        client.close()
    }

    @Test @LoopActor func aServerThatDoesNotAnswerIsGivenUpAtTheDeadline() async throws {
        let server = try FakeHTTPServer { _ in .silence }
        let client = HTTPClient()
        let start = Clock.now()
        #expect(await failure(client, .get(server.url, within: .milliseconds(200)))?.code == .timedOut)
        #expect(Clock.now() - start < .seconds(3))
        client.close()
        server.close()
    }

    @Test @LoopActor func aConnectionThatBreaksInTheMiddleIsBroken() async throws {
        let server = try FakeHTTPServer { _ in .raw(Array("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nshort".utf8)) }
        let client = HTTPClient()
        #expect(await failure(client, .get(server.url, within: soon))?.code == .broken)
        client.close()
        server.close()
    }

    @Test @LoopActor func aPostIsNotSentAgainWhenTheServerGoesAway() async throws {
        let server = try FakeHTTPServer { $0.path == "/gone" ? .raw([]) : .answer(200, []) }
        let client = HTTPClient()
        _ = try await client.send(.post(server.url, json: [], within: soon))
        #expect(await failure(client, .post(server.url + "/gone", json: [], within: soon))?.code == .broken)
        #expect(server.asked.count == 2)
        client.close()
        server.close()
    }

    @Test @LoopActor func aBodyUpToTheBoundPassesAndALongerOneDoesNot() async throws {
        let most = Limits.httpBodyByteCountMax
        let server = try FakeHTTPServer {
            .answer(200, [UInt8](repeating: 0x61, count: $0.path == "/most" ? most : most + 1))
        }
        let client = HTTPClient()
        #expect(try await client.send(.get(server.url + "/most", within: soon)).body.count == most)
        #expect(await failure(client, .get(server.url + "/more", within: soon))?.code == .tooLarge)
        client.close()
        server.close()
    }

    @Test @LoopActor func whatIsUnderWayFailsWhenTheClientCloses() async throws {
        let server = try FakeHTTPServer { _ in .silence }
        let client = HTTPClient()
        let timer = LoopTimer { client.close() }
        timer.start(after: .milliseconds(50))
        #expect(await failure(client, .get(server.url, within: soon))?.code == .closed)
        #expect(await failure(client, .get(server.url, within: soon))?.code == .closed)
        server.close()
    }
}
