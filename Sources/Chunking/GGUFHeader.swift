internal import Units

/// The header of a GGUF file: pairs of names and values, and where each tensor is.
///
/// Source: the format's description, docs/gguf.md in github.com/ggml-org/ggml; the rules are those of
/// `Protocol/documents.md`, section 8.
enum GGUFHeader {
    static let magic = Array("GGUF".utf8)

    static func read(_ prefix: ArraySlice<UInt8>, fileByteCount: Int64) -> TensorHeader {
        let bound = Int(min(fileByteCount, Int64(Limits.tensorHeaderByteCountMax)))
        var reader = GGUFReader(prefix.prefix(bound))
        do throws(GGUFReader.Fault) {
            return .tensors(try tensors(&reader, fileByteCount: fileByteCount, bound: bound))
        } catch {
            switch error {
            case .needsMore(let byteCount):
                guard byteCount <= bound, prefix.count < bound else {
                    return .opaque(reason: "the header does not end within \(bound) bytes")
                }
                return .needsMore(min(bound, max(byteCount, 2 * prefix.count)))
            case .invalid(let what): return .opaque(reason: "the header is not valid: \(what)")
            }
        }
    }

    private static func tensors(
        _ reader: inout GGUFReader, fileByteCount: Int64, bound: Int
    ) throws(GGUFReader.Fault) -> TensorFile {
        try reader.skip(magic.count)
        guard (2...3).contains(try reader.integer(UInt32.self)) else {
            throw .invalid("only versions 2 and 3, little-endian, are known")
        }
        let tensorCount = try reader.integer(UInt64.self)
        let pairCount = try reader.integer(UInt64.self)
        var alignment: UInt64 = 32
        for _ in 0..<pairCount {
            let name = try reader.string()
            if let found = try reader.value(alignmentIf: name.elementsEqual("general.alignment".utf8)) {
                alignment = found
            }
        }
        var offsets: [UInt64] = []
        for _ in 0..<tensorCount { offsets.append(try reader.tensorOffset()) }
        let headerByteCount = (UInt64(reader.position) + alignment - 1) / alignment * alignment
        guard headerByteCount <= UInt64(bound) else { throw .invalid("it is longer than the file or the bound") }
        let dataByteCount = UInt64(fileByteCount) - headerByteCount
        guard offsets.allSatisfy({ $0 <= dataByteCount }) else {
            throw .invalid("a tensor begins after the file's end")
        }
        return TensorFile(
            headerByteCount: Int64(headerByteCount), begins: offsets.map { Int64(headerByteCount + $0) },
            fileByteCount: fileByteCount)
    }
}

/// Reads little-endian fields. Each loop over a count that the file gives takes at least one byte a turn, so it ends
/// with the bytes.
struct GGUFReader {
    enum Fault: Error {
        /// The bytes end first; this many would be enough for what comes next.
        case needsMore(Int)
        case invalid(StaticString)
    }

    private let bytes: ArraySlice<UInt8>
    private(set) var position = 0

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    mutating func skip(_ byteCount: Int) throws(Fault) {
        guard byteCount <= bytes.count - position else { throw .needsMore(position + byteCount) }
        position += byteCount
    }

    mutating func integer<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type) throws(Fault) -> T {
        let start = bytes.startIndex + position
        let width = T.bitWidth / 8
        try skip(width)
        return bytes[start..<start + width].reversed().reduce(0) { $0 << 8 | T($1) }
    }

    mutating func string() throws(Fault) -> ArraySlice<UInt8> {
        let length = try boundedCount()
        let start = bytes.startIndex + position
        try skip(length)
        return bytes[start..<start + length]
    }

    /// Passes over a value, or, if it is the alignment, checks and returns it.
    mutating func value(alignmentIf isAlignment: Bool) throws(Fault) -> UInt64? {
        let type = try integer(UInt32.self)
        guard isAlignment else {
            try skipValue(type, depthLeft: Limits.ggufArrayDepthMax)
            return nil
        }
        guard type == Self.typeOfAlignment else { throw .invalid("the alignment is no 32-bit number") }
        let alignment = try integer(UInt32.self)
        guard alignment.nonzeroBitCount == 1, alignment <= Limits.ggufAlignmentMax else {
            throw .invalid("the alignment is no power of two, or too large")
        }
        return UInt64(alignment)
    }

    /// Passes over what is said of a tensor, up to its offset.
    mutating func tensorOffset() throws(Fault) -> UInt64 {
        _ = try string()
        let dimensionCount = try integer(UInt32.self)
        guard dimensionCount <= Limits.ggufDimensionCountMax else { throw .invalid("a tensor has too many dimensions") }
        try skip(8 * Int(dimensionCount) + 4)
        return try integer(UInt64.self)
    }

    private mutating func skipValue(_ type: UInt32, depthLeft: Int) throws(Fault) {
        if let width = Self.width(type) { return try skip(width) }
        switch type {
        case Self.typeOfString: _ = try string()
        case Self.typeOfArray:
            guard depthLeft > 0 else { throw .invalid("arrays nest too deeply") }
            try skipArray(depthLeft: depthLeft - 1)
        default: throw .invalid("a value's type is unknown")
        }
    }

    private mutating func skipArray(depthLeft: Int) throws(Fault) {
        let type = try integer(UInt32.self)
        let count = try boundedCount()
        if let width = Self.width(type) { return try skip(width * count) }
        for _ in 0..<count { try skipValue(type, depthLeft: depthLeft) }
    }

    /// A count of things that have a byte each at least. Beyond any header it is of no use to look on.
    private mutating func boundedCount() throws(Fault) -> Int {
        let count = try integer(UInt64.self)
        guard count <= UInt64(Limits.tensorHeaderByteCountMax) else {
            throw .invalid("a length is beyond any header's")
        }
        return Int(count)
    }

    private static let typeOfAlignment: UInt32 = 4
    private static let typeOfString: UInt32 = 8
    private static let typeOfArray: UInt32 = 9

    private static func width(_ type: UInt32) -> Int? {
        switch type {
        case 0, 1, 7: 1
        case 2, 3: 2
        case 4, 5, 6: 4
        case 10, 11, 12: 8
        default: nil
        }
    }
}
