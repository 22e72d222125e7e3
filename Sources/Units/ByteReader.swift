/// Why bytes are not the canonical encoding of a value.
public struct DecodingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of fault it is.
    public enum Code: Hashable, Sendable {
        /// The bytes end in the middle of a value.
        case truncated
        /// Bytes follow the value.
        case trailing
        /// A number or a length is beyond its bound.
        case outOfRange
        /// The value has another encoding that is the canonical one, or breaks a rule of its type.
        case invalid
        /// The format number is higher than this build knows.
        case unknownFormat
    }

    /// What kind of fault it is.
    public let code: Code
    /// The field that was being read.
    public let field: StaticString

    /// A fault of kind `code` in `field`.
    public init(_ code: Code, _ field: StaticString) {
        self.code = code
        self.field = field
    }

    /// The field and the kind of fault, for logs.
    public var description: String { "\(field): \(code)" }

    /// Equal kind and equal name of the field, wherever that name is stored.
    public static func == (left: DecodingError, right: DecodingError) -> Bool {
        left.code == right.code && left.field.description == right.field.description
    }

    /// Agrees with `==`.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(field.description)
    }
}

/// Reads big-endian fields one after the other. Safe on hostile input: it never reads past the end, and bounds a length
/// before it allocates.
public struct ByteReader: Sendable {
    @usableFromInline let bytes: ArraySlice<UInt8>
    @usableFromInline var position: Int

    /// Reads from the first byte on; nothing is copied.
    public init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Reads from the first byte on; nothing is copied.
    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// Bytes that have not been read yet.
    @inlinable public var remainingCount: Int { bytes.endIndex - position }

    /// A big-endian unsigned integer.
    @inlinable public mutating func integer<T: FixedWidthInteger & UnsignedInteger>(
        _ type: T.Type, _ field: StaticString
    ) throws(DecodingError) -> T {
        let width = T.bitWidth / 8
        guard remainingCount >= width else { throw DecodingError(.truncated, field) }
        var value: T = 0
        for offset in 0..<width { value = value << 8 | T(truncatingIfNeeded: bytes[position + offset]) }
        position += width
        return value
    }

    /// The next `count` bytes.
    public mutating func raw(_ count: Int, _ field: StaticString) throws(DecodingError) -> ArraySlice<UInt8> {
        guard count >= 0, remainingCount >= count else { throw DecodingError(.truncated, field) }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// All that is left.
    public mutating func rest() -> ArraySlice<UInt8> {
        defer { position = bytes.endIndex }
        return bytes[position...]
    }

    /// An id or a digest.
    public mutating func identifier<T: Identifier>(_ type: T.Type, _ field: StaticString) throws(DecodingError) -> T {
        T(exactly: Array(try raw(T.byteCount, field)))
    }

    /// A string: its length as a u16, then that many bytes of UTF-8.
    public mutating func string(atMost limit: Int, _ field: StaticString) throws(DecodingError) -> String {
        let count = Int(try integer(UInt16.self, field))
        guard count <= limit else { throw DecodingError(.outOfRange, field) }
        let utf8 = try raw(count, field)
        guard let text = String(validating: utf8, as: UTF8.self) else { throw DecodingError(.invalid, field) }
        return text
    }

    /// A checked name, encoded as a string.
    public mutating func name<T: Name>(_ type: T.Type, _ field: StaticString) throws(DecodingError) -> T {
        guard let name = T(try string(atMost: Limits.modelNameByteCountMax, field)) else {
            throw DecodingError(.invalid, field)
        }
        return name
    }

    /// - Throws: `.trailing` unless everything was read.
    public func requireEnd(_ field: StaticString) throws(DecodingError) {
        guard remainingCount == 0 else { throw DecodingError(.trailing, field) }
    }
}

/// Writes big-endian fields one after the other.
public struct ByteWriter: Sendable {
    /// What was written so far.
    public var bytes: [UInt8] { written }
    @usableFromInline private(set) var written: [UInt8] = []

    /// Starts empty, with room for `count` bytes.
    public init(reserving count: Int = 0) { written.reserveCapacity(count) }

    /// A big-endian unsigned integer.
    @inlinable public mutating func integer<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
        var shift = T.bitWidth
        while shift > 0 {
            shift -= 8
            written.append(UInt8(truncatingIfNeeded: value >> T(shift)))
        }
    }

    /// Bytes as they are.
    public mutating func raw(_ more: some Sequence<UInt8>) { written.append(contentsOf: more) }

    /// An id or a digest.
    public mutating func identifier(_ value: some Identifier) { written.append(contentsOf: value.bytes) }

    /// A u16 length and UTF-8.
    /// - Precondition: at most 65,535 bytes.
    public mutating func string(_ text: String) {
        precondition(text.utf8.count <= Int(UInt16.max), "a string of \(text.utf8.count) bytes")
        integer(UInt16(text.utf8.count))
        written.append(contentsOf: text.utf8)
    }

    /// A checked name, as a string.
    public mutating func name(_ value: some Name) { string(value.text) }
}
