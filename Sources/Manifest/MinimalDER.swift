/// The form of an ECDSA signature on P-256: a SEQUENCE of two positive INTEGERs, with no other encoding of either.
enum MinimalDER {
    static func isSignature(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 2, bytes[0] == 0x30, Int(bytes[1]) == bytes.count - 2 else { return false }
        guard let second = endOfInteger(in: bytes, at: 2), let end = endOfInteger(in: bytes, at: second) else {
            return false
        }
        return end == bytes.count
    }

    /// Where the INTEGER at `start` ends; nil if it is not positive, not minimal, longer than 256 bits or cut off.
    private static func endOfInteger(in bytes: [UInt8], at start: Int) -> Int? {
        guard bytes.count > start + 2, bytes[start] == 0x02 else { return nil }
        let count = Int(bytes[start + 1])
        let content = start + 2
        guard (1...33).contains(count), bytes.count >= content + count, bytes[content] & 0x80 == 0 else { return nil }
        if bytes[content] == 0 {
            guard count > 1, bytes[content + 1] & 0x80 != 0 else { return nil }
        } else if count == 33 {
            return nil
        }
        return content + count
    }
}
