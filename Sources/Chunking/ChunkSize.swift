public import Units

/// How large the chunks of a version are that is cut at a fixed size.
public enum ChunkSize {
    /// The next power of two at or above a 1,600th of the version, within 16 KiB and 4 MiB. `Protocol/documents.md`
    /// says why. - Parameter byteCount: the bytes of all files of all variants together.
    public static func forVersion(of byteCount: ByteCount) -> ByteCount {
        var size = Int64(Limits.chunkByteCountMin)
        let aim = Int64(Limits.chunksPerVersionAim)
        while size < Int64(Limits.chunkByteCountMax), byteCount.value.dividedRoundingUp(by: size) > aim { size *= 2 }
        return ByteCount(size)
    }
}

extension Int64 {
    /// For values that are not negative.
    func dividedRoundingUp(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder == 0 ? quotient : quotient + 1
    }
}
