internal import Units

/// What is asked of a server.
public struct HTTPRequest: Hashable, Sendable {
    /// `http://` or `https://`, with host and path.
    public var url: String
    /// What is sent, with POST; nil for GET.
    public var body: [UInt8]?
    /// Beside those that HTTP needs; a name and a value without line breaks.
    public var headers: [String: String]
    /// From now to the last byte of the answer.
    public var deadline: Duration

    /// Whether a text is the address of a server, as far as can be told without asking: scheme, host, no blanks.
    public static func isAddress(_ text: String) -> Bool {
        guard let scheme = ["http://", "https://"].first(where: { text.hasPrefix($0) }) else { return false }
        let host = text.dropFirst(scheme.count).prefix { $0 != "/" }
        return !host.isEmpty && text.utf8.count <= Limits.httpURLByteCountMax
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    /// Asks for something.
    public static func get(_ url: String, within deadline: Duration, headers: [String: String] = [:]) -> HTTPRequest {
        HTTPRequest(url: url, body: nil, headers: headers, deadline: deadline)
    }

    /// Sends JSON.
    public static func post(
        _ url: String, json body: [UInt8], within deadline: Duration, headers: [String: String] = [:]
    ) -> HTTPRequest {
        let all = headers.merging(["Content-Type": "application/json"]) { own, _ in own }
        return HTTPRequest(url: url, body: body, headers: all, deadline: deadline)
    }
}

/// What a server answered, whatever it was.
public struct HTTPResponse: Hashable, Sendable {
    /// For example 200.
    public let status: Int
    /// At most `Limits.httpBodyByteCountMax`.
    public let body: [UInt8]

    /// Whether the status says that all went well.
    public var isSuccess: Bool { (200..<300).contains(status) }
}

/// Why there is no answer.
public struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller may want to tell apart.
    public enum Code: Hashable, Sendable {
        /// The URL, or a header, is none; or as many requests are under way as may be.
        case invalid
        /// Nobody listens there: nothing was sent.
        case refused
        /// The deadline passed.
        case timedOut
        /// The connection broke after it stood: what was sent may have had its effect.
        case broken
        /// The answer is longer than `Limits.httpBodyByteCountMax`.
        case tooLarge
        /// The client was closed.
        case closed
    }

    /// What kind of failure it is.
    public let code: Code
    /// The address and libcurl's words.
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
