import Units

/// What a fetch's time goes to. At every moment a fetch is in exactly one of these states, so shares of time add up.
public enum HoldUp: String, CaseIterable, Hashable, Sendable {
    /// Nothing can be asked for: no neighbour, or none that has a missing chunk, or the documents are not here yet.
    case waiting
    /// Chunks are asked for, and the sources give them slower than this node's link is known to take them.
    case source
    /// Chunks come as fast as this node's link takes them.
    case ownLink = "own-link"
    /// What came waits to be hashed.
    case hashing
    /// What came waits to be written, or a write failed a short time ago.
    case disk
}

/// How long each hold-up lasted, together.
public struct HoldUpTimes: Equatable, Sendable {
    private var waiting = Duration.zero
    private var source = Duration.zero
    private var ownLink = Duration.zero
    private var hashing = Duration.zero
    private var disk = Duration.zero

    /// No time at all.
    public init() {}

    /// The time that went to one of them.
    public subscript(_ holdUp: HoldUp) -> Duration {
        get {
            switch holdUp {
            case .waiting: waiting
            case .source: source
            case .ownLink: ownLink
            case .hashing: hashing
            case .disk: disk
            }
        }
        set {
            switch holdUp {
            case .waiting: waiting = newValue
            case .source: source = newValue
            case .ownLink: ownLink = newValue
            case .hashing: hashing = newValue
            case .disk: disk = newValue
            }
        }
    }

    /// All of them.
    public var total: Duration { waiting + source + ownLink + hashing + disk }

    /// The one that lasted longest; nil if no time has passed.
    public var main: HoldUp? {
        guard total > .zero else { return nil }
        return HoldUp.allCases.reduce(.waiting) { self[$1] > self[$0] ? $1 : $0 }
    }

    /// The times of two stretches of one fetch.
    public static func + (left: HoldUpTimes, right: HoldUpTimes) -> HoldUpTimes {
        var sum = left
        for holdUp in HoldUp.allCases { sum[holdUp] += right[holdUp] }
        return sum
    }

    /// Each one's share in thousandths of the whole. They add up to 1,000: what rounding leaves over goes to the
    /// longest. All are 0 while no time has passed.
    public var thousandths: [HoldUp: Int] {
        let whole = total.wholeNanoseconds
        guard whole > 0, let main else { return Dictionary(uniqueKeysWithValues: HoldUp.allCases.map { ($0, 0) }) }
        var shares: [HoldUp: Int] = [:]
        for holdUp in HoldUp.allCases {
            shares[holdUp] = Int((Double(self[holdUp].wholeNanoseconds) / Double(whole) * 1000).rounded())
        }
        shares[main, default: 0] += 1000 - shares.values.reduce(0, +)
        return shares
    }
}
