public import Units

/// What an asker numbers its questions with: the first on a connection is 1, each next one is one higher. REQUEST,
/// FETCH, VERSIONS_QUERY and RENEW share the numbering.
public struct RequestID: Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// The number.
    public let value: UInt32

    /// A number.
    public init(_ value: UInt32) { self.value = value }
    /// A number that is written out.
    public init(integerLiteral value: UInt32) { self.value = value }

    /// The number of the next question.
    public var next: RequestID { RequestID(value &+ 1) }

    /// For people.
    public var description: String { "#\(value)" }

    /// Ordered as the bytes are.
    public static func < (left: RequestID, right: RequestID) -> Bool { left.value < right.value }
}

/// What tells one FIND from another: 16 random bytes.
public struct FindID: Identifier {
    /// Sixteen.
    public static let byteCount = 16
    private let high: UInt64
    private let low: UInt64

    /// - Precondition: sixteen bytes.
    public init(exactly bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "a FIND id of \(bytes.count) bytes")
        high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// From two random numbers.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// As on the wire.
    public var bytes: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) } }
    }

    /// Ordered as the bytes are.
    public static func < (left: FindID, right: FindID) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }
}

/// One chunk of one version.
public struct ChunkReference: Hashable, Sendable, CustomStringConvertible {
    /// The manifest digest.
    public let version: Digest
    /// The place in the layout's table. The codec does not know the layout: whoever does must check it.
    public let chunk: ChunkIndex

    /// A chunk of a version.
    public init(version: Digest, chunk: ChunkIndex) {
        self.version = version
        self.chunk = chunk
    }

    /// For people.
    public var description: String { "\(version.short)/\(chunk)" }
}

/// Some chunks of one version, as HAVE and WITHDRAW name them.
public struct ChunkList: Hashable, Sendable {
    /// The manifest digest.
    public let version: Digest
    /// 1 to 1,024, strictly ascending. The codec does not know the layout: whoever does must check them.
    public let chunks: [ChunkIndex]

    /// - Precondition: 1 to 1,024 chunks, strictly ascending.
    public init(version: Digest, chunks: [ChunkIndex]) {
        precondition((1...Limits.haveChunkCountMax).contains(chunks.count), "\(chunks.count) chunks in one frame")
        precondition(zip(chunks, chunks.dropFirst()).allSatisfy { $0 < $1 }, "chunks that are not ascending")
        self.version = version
        self.chunks = chunks
    }
}
