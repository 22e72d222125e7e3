public import Units

/// Where a file is cut: its first bytes by content, and the rest into pieces whose lengths are known before a byte of
/// them is read. A file without tensors is all content.
public struct CutPlan: Hashable, Sendable {
    /// The bytes from the file's start that are cut by content.
    public let contentByteCount: Int64
    /// The lengths of the chunks that follow.
    public let lengths: [UInt32]

    /// A file without tensors.
    public static func opaque(_ fileByteCount: ByteCount) -> CutPlan {
        CutPlan(contentByteCount: fileByteCount.value, lengths: [])
    }

    /// A file that is cut into pieces of one size, as publishers did who wrote algorithm 1.
    public static func fixed(_ fileByteCount: ByteCount, chunkByteCount: Int) -> CutPlan {
        var packer = TensorPacker(byteCountMax: Int64(chunkByteCount))
        packer.append(region: fileByteCount.value)
        return CutPlan(contentByteCount: 0, lengths: packer.finish())
    }

    /// A file whose tensors are known (`Protocol/documents.md`, section 8).
    public static func tensors(_ file: TensorFile, fileByteCount: ByteCount, _ sizes: CutSizes) -> CutPlan {
        let header = file.headerByteCount
        var packer = TensorPacker(byteCountMax: Int64(sizes.largest))
        if header <= Int64(sizes.largest) { packer.append(chunk: header) }
        for (number, begin) in file.begins.enumerated() {
            let end = number + 1 < file.begins.count ? file.begins[number + 1] : fileByteCount.value
            packer.append(region: end - begin)
        }
        return CutPlan(
            contentByteCount: header <= Int64(sizes.largest) ? 0 : header, lengths: packer.finish())
    }

    /// The bytes of the whole file.
    public var fileByteCount: ByteCount {
        ByteCount(lengths.reduce(contentByteCount) { $0 + Int64($1) })
    }
}

/// Packs small regions together and cuts large ones.
private struct TensorPacker {
    let byteCountMax: Int64
    private var lengths: [UInt32] = []
    private var pack: Int64 = 0

    init(byteCountMax: Int64) { self.byteCountMax = byteCountMax }

    mutating func append(chunk byteCount: Int64) {
        closePack()
        if byteCount > 0 { lengths.append(UInt32(byteCount)) }
    }

    mutating func append(region byteCount: Int64) {
        if pack + byteCount > byteCountMax { closePack() }
        guard byteCount >= byteCountMax else {
            pack += byteCount
            return
        }
        var left = byteCount
        while left > 0 {
            append(chunk: min(left, byteCountMax))
            left -= min(left, byteCountMax)
        }
    }

    consuming func finish() -> [UInt32] {
        closePack()
        return lengths
    }

    private mutating func closePack() {
        if pack > 0 { lengths.append(UInt32(pack)) }
        pack = 0
    }
}
