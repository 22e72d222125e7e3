import EventLoop
import HTTPClient

/// The error that a request ends with; nil if it has an answer.
@LoopActor func failure(_ client: HTTPClient, _ request: HTTPRequest) async -> HTTPError? {
    do throws(HTTPError) {
        _ = try await client.send(request)
        return nil
    } catch {
        return error
    }
}
