public import Units

/// What the first bytes of a file say about its tensors.
public enum TensorHeader: Hashable, Sendable {
    /// It is a tensor file.
    case tensors(TensorFile)
    /// The header is longer: give at least this many of the file's first bytes. Never more than the file has, nor more
    /// than `Limits.tensorHeaderByteCountMax` and a little.
    case needsMore(Int)
    /// It is no tensor file, or breaks a rule; the reason is for people, nil where nothing was to be expected.
    case opaque(reason: String?)

    /// Reads the header of a file. Safe on hostile bytes; O(header).
    /// - Parameters:
    ///   - prefix: the file's first bytes; at least `prefixByteCount`, or all.
    ///   - fileByteCount: the file's size.
    public static func read(_ prefix: ArraySlice<UInt8>, fileByteCount: ByteCount) -> TensorHeader {
        if prefix.starts(with: GGUFHeader.magic) { return GGUFHeader.read(prefix, fileByteCount: fileByteCount.value) }
        return SafetensorsHeader.read(prefix, fileByteCount: fileByteCount.value)
    }

    /// How many bytes to begin with.
    public static let prefixByteCount = 64 << 10
}

/// Where the tensors of a file are. Invariant: `begins` ascends strictly, from the header's end on, all before the
/// file's end.
public struct TensorFile: Hashable, Sendable {
    /// The bytes before the tensors.
    public let headerByteCount: Int64
    /// Where a tensor, or what lies before the first, begins: from the file's start.
    public let begins: [Int64]

    /// - Parameter begins: in any order, some perhaps twice, none before the header's end.
    init(headerByteCount: Int64, begins: [Int64], fileByteCount: Int64) {
        self.headerByteCount = headerByteCount
        var ascending = begins
        ascending.append(headerByteCount)
        ascending.sort()
        var count = 0
        for begin in ascending where begin < fileByteCount && (count == 0 || begin != ascending[count - 1]) {
            ascending[count] = begin
            count += 1
        }
        ascending.removeLast(ascending.count - count)
        self.begins = ascending
    }
}
