/// A value of a fixed number of raw bytes, ordered as those bytes are, written in hexadecimal.
public protocol Identifier: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// How many bytes a value has.
    static var byteCount: Int { get }
    /// - Precondition: `bytes` has `byteCount` elements.
    init(exactly bytes: [UInt8])
    /// The raw bytes.
    var bytes: [UInt8] { get }
}

extension Identifier {
    /// Nil unless `bytes` has exactly `byteCount` elements.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init(exactly: Array(bytes))
    }

    /// Nil unless `hex` is exactly `byteCount` bytes in hexadecimal.
    public init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(bytes)
    }

    /// All bytes in lower-case hexadecimal.
    public var hex: String { Hex.encode(bytes) }

    /// The same as `hex`.
    public var description: String { hex }
}

/// A SHA-256 digest. It names a chunk, a file's content, a layout or a signed document's body.
public struct Digest: Identifier {
    /// 32, as SHA-256 gives.
    public static let byteCount = 32
    private let first: Word128
    private let second: Word128

    /// - Precondition: `bytes` has 32 elements.
    public init(exactly bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "a digest of \(bytes.count) bytes")
        first = Word128(bytes[0..<16])
        second = Word128(bytes[16..<32])
    }

    /// The 32 raw bytes, made anew on each call.
    public var bytes: [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            let whole = UnsafeMutableRawBufferPointer(buffer)
            unsafe first.store(into: whole)
            unsafe second.store(into: UnsafeMutableRawBufferPointer(rebasing: whole[16...]))
            count = Self.byteCount
        }
    }

    /// The first eight hexadecimal digits, for people.
    public var short: String { String(hex.prefix(8)) }

    /// As the raw bytes are ordered, without making them.
    public static func < (left: Digest, right: Digest) -> Bool {
        left.first == right.first ? left.second < right.second : left.first < right.first
    }
}

/// A node: the first 16 bytes of the SHA-256 of its public key (DER SubjectPublicKeyInfo).
public struct NodeID: Identifier {
    /// 16.
    public static let byteCount = 16
    private let word: Word128

    /// - Precondition: `bytes` has 16 elements.
    public init(exactly bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "a node id of \(bytes.count) bytes")
        word = Word128(bytes[...])
    }

    /// The 16 raw bytes, made anew on each call.
    public var bytes: [UInt8] { word.bytes }

    /// As the raw bytes are ordered, without making them.
    public static func < (left: NodeID, right: NodeID) -> Bool { left.word < right.word }
}

/// A cluster: 16 random bytes, drawn by `shoal init`.
public struct ClusterID: Identifier {
    /// 16.
    public static let byteCount = 16
    private let word: Word128

    /// - Precondition: `bytes` has 16 elements.
    public init(exactly bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "a cluster id of \(bytes.count) bytes")
        word = Word128(bytes[...])
    }

    /// The 16 raw bytes, made anew on each call.
    public var bytes: [UInt8] { word.bytes }

    /// As the raw bytes are ordered, without making them.
    public static func < (left: ClusterID, right: ClusterID) -> Bool { left.word < right.word }
}

/// Sixteen bytes, most significant first, kept without a heap allocation.
private struct Word128: Hashable, Comparable {
    let high: UInt64
    let low: UInt64

    /// - Precondition: `bytes` has 16 elements.
    init(_ bytes: ArraySlice<UInt8>) {
        (high, low) = unsafe bytes.withUnsafeBytes { bytes in
            precondition(bytes.count == 16, "\(bytes.count) bytes for 16")
            return unsafe (
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    /// Writes the 16 bytes.
    func store(into target: UnsafeMutableRawBufferPointer) {
        unsafe target.storeBytes(of: high.bigEndian, as: UInt64.self)
        unsafe target.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }

    var bytes: [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            unsafe store(into: UnsafeMutableRawBufferPointer(buffer))
            count = 16
        }
    }

    static func < (left: Word128, right: Word128) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }
}
