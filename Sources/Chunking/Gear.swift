internal import Units

/// The rolling hash that decides cuts by content: each byte shifts it left by one and adds the byte's number, so that
/// only the last 64 bytes bear on it.
///
/// Source: W. Xia and others, "Ddelta: a deduplication-inspired fast delta compression approach", Performance
/// Evaluation 79, 2014.
enum Gear {
    /// A random number for each byte, alike everywhere: from SplitMix64, seeded with `Shoal/1 `.
    static let numbers: [UInt64] = {
        var generator = SplitMix64(seed: 0x5368_6F61_6C2F_3120)
        return (0..<256).map { _ in generator.next() }
    }()

    /// Hashes on until the hash is below `threshold`, or to the end.
    /// - Returns: the number of bytes up to and with the one that made it so; nil at the end.
    static func firstCut(
        in bytes: UnsafeRawBufferPointer, _ numbers: UnsafeBufferPointer<UInt64>, _ hash: inout UInt64,
        below threshold: UInt64
    ) -> Int? {
        var position = 0
        // Four bytes at a time: their numbers are summed up beside the hash, which then waits for one addition and not
        // for four.
        while position + 4 <= bytes.count {
            let word = unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            let first = unsafe numbers[Int(word & 0xFF)]
            let second = unsafe first &<< 1 &+ numbers[Int(word &>> 8 & 0xFF)]
            let third = unsafe second &<< 1 &+ numbers[Int(word &>> 16 & 0xFF)]
            let fourth = unsafe third &<< 1 &+ numbers[Int(word &>> 24)]
            if hash &<< 1 &+ first < threshold || hash &<< 2 &+ second < threshold
                || hash &<< 3 &+ third < threshold || hash &<< 4 &+ fourth < threshold
            {
                break
            }
            hash = hash &<< 4 &+ fourth
            position += 4
        }
        while position < bytes.count {
            hash = unsafe hash &<< 1 &+ numbers[Int(bytes[position])]
            position += 1
            if hash < threshold { return position }
        }
        return nil
    }
}
