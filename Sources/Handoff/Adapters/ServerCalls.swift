import EventLoop
import FoundationEssentials
import HTTPClient
import Units

/// Questions to one server over HTTP, and what their answers mean to a step.
@LoopActor struct ServerCalls {
    let client: HTTPClient
    /// Without a slash at its end.
    let base: String
    let headers: [String: String]

    func get(_ path: String, within deadline: Duration = question) async throws(ServerFault) -> HTTPResponse {
        do throws(ServerFault) {
            return try await send(.get(base + path, within: deadline, headers: headers))
        } catch {
            // A question has no effect: whether the server went away, or only the connection, the next one shows.
            guard case .gone(let words) = error else { throw error }
            throw .silent(words)
        }
    }

    func post(
        _ path: String, _ body: [UInt8], within deadline: Duration = question
    ) async throws(ServerFault) -> HTTPResponse {
        try await send(.post(base + path, json: body, within: deadline, headers: headers))
    }

    /// Whether the path answers that all is well; false for any other answer.
    func isWell(_ path: String) async throws(ServerFault) -> Bool { try await get(path).isSuccess }

    nonisolated static let question = Duration.seconds(Limits.adapterQuestionSeconds)

    private func send(_ request: HTTPRequest) async throws(ServerFault) -> HTTPResponse {
        do throws(HTTPError) {
            return try await client.send(request)
        } catch {
            switch error.code {
            case .timedOut: throw .refused(HandoffFailure(.deadlineExceeded, plainText(error.description)))
            case .broken: throw .gone(error.description)
            case .invalid, .tooLarge: throw .refused(HandoffFailure(.badMessage, plainText(error.description)))
            case .refused: throw .silent(error.description)
            case .closed: throw .ending
            }
        }
    }

    /// What an answer that is no success says of the step.
    nonisolated static func failure(_ response: HTTPResponse, _ what: String) -> HandoffFailure {
        let said = try? JSONDecoder().decode(ErrorText.self, from: Data(response.body)).error
        let words = plainText("\(what): status \(response.status)" + (said.map { ", \($0)" } ?? ""))
        // Time-outs, conflicts, overload, and what stands between: they say nothing about the version.
        let isPassing = [408, 409, 425, 429, 502, 503, 504].contains(response.status)
        return HandoffFailure(.loadFailed, words, isRetryable: isPassing)
    }

    private struct ErrorText: Decodable {
        let error: String
    }
}

extension String {
    /// As one segment of a URL's path.
    var asPathSegment: String {
        let kept = utf8.map { byte in
            let isPlain =
                "-._~".utf8.contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            if isPlain { return String(UnicodeScalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count == 1 ? "0" + digits : digits)
        }
        return kept.joined()
    }
}
