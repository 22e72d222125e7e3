public import Units

/// Nodes that take a version at the same step of a rollout.
public struct Ring: Hashable, Sendable {
    /// Which nodes, by their labels; empty for all. At most 256 bytes.
    public let selector: String
    /// How many of them, in parts of a thousand.
    public let sharePerMille: UInt16
    /// How long the ring before has to have served the version well.
    public let waitSeconds: UInt32

    /// A ring; `Head` checks the bounds.
    public init(selector: String, sharePerMille: UInt16, waitSeconds: UInt32) {
        self.selector = selector
        self.sharePerMille = sharePerMille
        self.waitSeconds = waitSeconds
    }
}

/// Nodes that stay on another version.
public struct Pin: Hashable, Sendable {
    /// Which nodes, by their labels; 1 to 256 bytes.
    public let selector: String
    /// The manifest digest of the version that they run.
    public let version: Digest

    /// A pin; `Head` checks the bounds.
    public init(selector: String, version: Digest) {
        self.selector = selector
        self.version = version
    }
}

/// How a head reaches the nodes: `documents.md`, section 6. All zero and empty where no rollout is used.
public struct RolloutPlan: Hashable, Sendable {
    /// The share of failures, in parts of a thousand, that halts the rollout.
    public let haltSharePerMille: UInt16
    /// When the nodes switch that may since this head; nil for at once.
    public let flipAt: WallTime?
    /// What nodes run that may not switch yet, and what they go back to; nil if the channel named nothing before.
    public let base: Digest?
    /// Followers that have to have reported before another ring is released; 0 for those that were seen lately.
    public let expectedCount: UInt32
    /// In the order in which they take the version.
    public let rings: [Ring]
    /// So many of them may switch.
    public let releasedCount: Int
    /// Ascending by selector.
    public let pins: [Pin]

    /// Pins may come in any order. `Head` checks the bounds.
    public init(
        haltSharePerMille: UInt16 = 0, flipAt: WallTime? = nil, base: Digest? = nil, expectedCount: UInt32 = 0,
        rings: [Ring] = [], releasedCount: Int = 0, pins: [Pin] = []
    ) {
        self.haltSharePerMille = haltSharePerMille
        self.flipAt = flipAt
        self.base = base
        self.expectedCount = expectedCount
        self.rings = rings
        self.releasedCount = releasedCount
        self.pins = pins.sorted { $0.selector.utf8.lexicographicallyPrecedes($1.selector.utf8) }
    }

    /// Everybody at once.
    public static let none = RolloutPlan()

    /// Whether there are rings that may not switch yet.
    public var isUnfinished: Bool { releasedCount < rings.count }

    /// Whether some nodes run something else yet: rings that may not switch, or a flip that has not come.
    public func isPending(at now: WallTime) -> Bool { isUnfinished || flipAt.map { $0 > now } ?? false }

    /// The same, with one ring more.
    /// - Parameter flipAt: when that ring switches.
    public func releasingNext(flipAt: WallTime? = nil) -> RolloutPlan {
        RolloutPlan(
            haltSharePerMille: haltSharePerMille, flipAt: flipAt, base: base, expectedCount: expectedCount,
            rings: rings, releasedCount: min(releasedCount + 1, rings.count), pins: pins)
    }

    /// The same, with other pins.
    public func with(pins: [Pin]) -> RolloutPlan {
        RolloutPlan(
            haltSharePerMille: haltSharePerMille, flipAt: flipAt, base: base, expectedCount: expectedCount,
            rings: rings, releasedCount: releasedCount, pins: pins)
    }
}

// MARK: Bytes

extension RolloutPlan {
    init(from reader: inout DocumentReader) throws(DocumentError) {
        haltSharePerMille = try reader.u16("halt share")
        let flipAt = try reader.time("flip at")
        // 0 on the wire is nil here.
        self.flipAt = flipAt.secondsSince1970 == 0 ? nil : flipAt
        base = try reader.count(UInt8.self, in: 0...1, "base") == 1 ? reader.identifier(Digest.self, "base") : nil
        expectedCount = try reader.u32("expected")
        var rings: [Ring] = []
        for _ in 0..<(try reader.count(UInt8.self, in: 0...Limits.ringCountMax, "rings")) {
            rings.append(
                Ring(
                    selector: try reader.string(0...Limits.selectorByteCountMax, "ring selector"),
                    sharePerMille: try reader.u16("ring share"), waitSeconds: try reader.u32("ring wait")))
        }
        self.rings = rings
        releasedCount = Int(try reader.u8("released"))
        var pins: [Pin] = []
        for _ in 0..<(try reader.count(UInt8.self, in: 0...Limits.pinCountMax, "pins")) {
            let selector = try reader.string(1...Limits.selectorByteCountMax, "pin selector")
            pins.append(Pin(selector: selector, version: try reader.identifier(Digest.self, "pin version")))
        }
        self.pins = pins
    }

    func encode(to writer: inout ByteWriter) {
        writer.integer(haltSharePerMille)
        writer.time(flipAt ?? WallTime(secondsSince1970: 0))
        writer.integer(UInt8(base == nil ? 0 : 1))
        if let base { writer.identifier(base) }
        writer.integer(expectedCount)
        writer.integer(UInt8(rings.count))
        for ring in rings {
            writer.string(ring.selector)
            writer.integer(ring.sharePerMille)
            writer.integer(ring.waitSeconds)
        }
        writer.integer(UInt8(releasedCount))
        writer.integer(UInt8(pins.count))
        for pin in pins {
            writer.string(pin.selector)
            writer.identifier(pin.version)
        }
    }

    func validate() throws(DocumentError) {
        func require(
            _ isGood: Bool, _ field: String, _ code: DocumentError.Code = .outOfRange, _ detail: String = ""
        ) throws(DocumentError) {
            guard isGood else { throw DocumentError(code, document: "head", field: field, detail: detail) }
        }
        try require(haltSharePerMille <= Limits.perMilleMax, "halt share")
        // A date of 0 would have two forms.
        try require(flipAt.map { isAllowed($0) && $0.secondsSince1970 != 0 } ?? true, "flip at")
        try require(rings.count <= Limits.ringCountMax, "rings")
        for ring in rings {
            try require(ring.selector.utf8.count <= Limits.selectorByteCountMax, "ring selector")
            try require(ring.sharePerMille <= Limits.perMilleMax, "ring share")
        }
        try require((0...rings.count).contains(releasedCount), "released")
        try require(expectedCount == 0 || !rings.isEmpty, "expected", .invalid, "without rings")
        try require(pins.count <= Limits.pinCountMax, "pins")
        for pin in pins {
            try require((1...Limits.selectorByteCountMax).contains(pin.selector.utf8.count), "pin selector")
        }
        try require(
            isAscendingByBytes(pins.map(\.selector)), "pins", .invalid, "not ascending by selector, or twice the same")
    }
}
