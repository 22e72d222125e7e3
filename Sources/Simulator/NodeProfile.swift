import Units
import Wire

/// What is known of a node before the run: who it is, where, how fast, and what will happen to it.
struct NodeProfile {
    let index: Int
    let id: NodeID
    var rack: Int
    /// Nanoseconds that a byte takes on its links.
    var nanosecondsPerByte: Double
    var storeNanosecondsPerByte: Double
    var peers: [Int32] = []
    var startsAt: Nanoseconds = 0
    /// When the version is published or wanted.
    var planAt: Nanoseconds
    var diesAt = Nanoseconds.never
    /// Sends wrong bytes in one chunk of so many; 0 for never.
    var damageInterval = 0
    /// Holds everything from the start.
    var isSeed = false
    /// True for a node of which nothing is expected: it ends before it can be done, is cut off for ever, or sends wrong
    /// bytes, for which all others set it aside, an hour in the end.
    var isDoomed = false
    /// Starts later, with nothing.
    var isJoiner = false

    /// 10.a.b.c, where a, b, c is the index.
    static func address(of index: Int) -> IPAddress {
        let bytes: [UInt8] = [
            10, UInt8(truncatingIfNeeded: (index + 1) >> 16), UInt8(truncatingIfNeeded: (index + 1) >> 8),
            UInt8(truncatingIfNeeded: index + 1),
        ]
        guard let address = IPAddress(bytes) else { preconditionFailure("four bytes are an address") }
        return address
    }

    /// The node at an address that `address(of:)` made.
    static func index(at address: IPAddress) -> Int {
        let bytes = address.bytes
        precondition(bytes.count == 4 && bytes[0] == 10, "\(address) is nobody's address")
        return Int(bytes[1]) << 16 + Int(bytes[2]) << 8 + Int(bytes[3]) - 1
    }

    /// Sixteen bytes that look random and end with the index, so that no two are equal.
    static func id(of index: Int, random: inout SplitMix64) -> NodeID {
        var bytes = (0..<12).map { _ in UInt8.random(in: 0...255, using: &random) }
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: index >> shift)) }
        return NodeID(exactly: bytes)
    }
}

/// When who cannot reach whom. All of it is known before the run, so that no part of the simulation has to ask another.
struct Weather {
    struct Spell {
        let from: Nanoseconds
        let until: Nanoseconds
        /// The nodes on one side.
        let part: Set<Int>
    }

    struct Standstill {
        let from: Nanoseconds
        let until: Nanoseconds
    }

    var spells: [Spell] = []
    /// By node.
    var standstills: [Int: [Standstill]] = [:]

    /// When a frame between two nodes gets through that would arrive now: now, later, or never.
    func opening(between one: Int32, and other: Int32, at time: Nanoseconds) -> Nanoseconds {
        var time = time
        for spell in spells where spell.from <= time && time < spell.until {
            if spell.part.contains(Int(one)) != spell.part.contains(Int(other)) { time = spell.until }
        }
        return time
    }

    /// When the node goes on that would do something now.
    func awakening(of node: Int32, at time: Nanoseconds) -> Nanoseconds {
        guard !standstills.isEmpty, let spells = standstills[Int(node)] else { return time }
        for spell in spells where spell.from <= time && time < spell.until { return spell.until }
        return time
    }
}
