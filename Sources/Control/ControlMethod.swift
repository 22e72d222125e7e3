/// One question that the agent answers: its parameters are the conforming type itself.
public protocol ControlMethod: Codable, Sendable {
    /// What comes back once.
    associatedtype Reply: Codable & Sendable
    /// The name on the wire.
    static var method: String { get }
}

/// A reply that says nothing but that it was done.
public struct Done: Codable, Sendable {
    /// There is nothing to say.
    public init() {}
}

/// How far a long answer has come; any number of these precede a reply.
public struct ControlProgress: Codable, Sendable, Hashable {
    /// What is being done, for example `fetching`.
    public let stage: String
    /// Bytes done.
    public let done: Int64
    /// Bytes in all; 0 where not known yet.
    public let total: Int64

    /// A stage that is new to the asker starts a new bar.
    public init(stage: String, done: Int64, total: Int64) {
        self.stage = stage
        self.done = done
        self.total = total
    }
}

struct RequestHeader: Codable {
    let id: UInt32
    let method: String
}

struct RequestLine<Parameters: ControlMethod>: Codable {
    let id: UInt32
    let method: String
    let params: Parameters
}

struct AnswerHeader: Codable {
    let id: UInt32
    let error: ControlError?
    let progress: ControlProgress?
}

struct AnswerLine<Reply: Codable>: Codable {
    let id: UInt32
    let result: Reply
}
