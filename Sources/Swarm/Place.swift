import Units

/// What names a place, as one number: equal labels, equal number; 0 where no label names one.
typealias PlaceKey = UInt64

/// Where a node is, by its labels.
///
/// A place is what the labels `region`, `zone` and `rack` name together. The links inside of it are fast; those that
/// leave it may be slow, so that about one copy of each chunk is to cross them.
enum Place {
    /// From wide to narrow.
    private static let steps: [(label: String, distance: Distance)] = [
        ("region", .sameRegion), ("zone", .sameZone), ("rack", .sameRack), ("host", .sameHost),
    ]

    /// The narrowest label that both bear alike, below none that differs. Nil where the labels say nothing.
    static func distance(from own: [String: String], to other: [String: String]) -> Distance? {
        var distance: Distance?
        for step in steps {
            guard let here = own[step.label], let there = other[step.label] else { continue }
            guard here == there else { return distance ?? (step.distance == .sameHost ? nil : .far) }
            distance = step.distance
        }
        return distance
    }

    /// FNV-1a, 64 bits, over the values of `region`, `zone` and `rack`, each ended by a zero byte.
    static func key(of labels: [String: String]) -> PlaceKey {
        let values = steps.prefix(3).map { labels[$0.label] }
        guard values.contains(where: { $0 != nil }) else { return 0 }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for value in values {
            for byte in value?.utf8 ?? "".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            hash = hash &* 0x100_0000_01B3
        }
        return max(1, hash)
    }

    /// The place in the seven bits that PEERS has room for: 1 to 127, or 0 for none.
    static func mark(of key: PlaceKey) -> UInt8 { key == 0 ? 0 : UInt8(1 + key % 127) }

    /// True if both are in one place, or this node names none.
    static func isInside(_ own: [String: String], _ other: [String: String]) -> Bool {
        let key = key(of: own)
        return key == 0 || key == self.key(of: other)
    }

    /// Where a node comes in the order in which those of one place ask for a chunk beyond it: the lowest first.
    static func turn(of node: UInt64, for chunk: ChunkIndex, salt: UInt64) -> UInt64 {
        var order = SplitMix64(seed: node ^ salt &+ UInt64(chunk.value) &* 0xD134_2543_DE82_EF95)
        return order.next()
    }

    /// The first eight bytes of an identifier as a number.
    static func number(of identifier: some Identifier) -> UInt64 {
        identifier.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
