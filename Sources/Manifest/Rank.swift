/// What heads and deny records are ordered by: the epoch, then the counter.
public struct Rank: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Set by the root; raising it outranks everything signed before.
    public let epoch: UInt32
    /// Adds 1 with each next record.
    public let counter: UInt64

    /// A rank.
    public init(epoch: UInt32, counter: UInt64) {
        self.epoch = epoch
        self.counter = counter
    }

    /// `epoch.counter`.
    public var description: String { "\(epoch).\(counter)" }

    /// Ordered as the bytes are.
    public static func < (left: Rank, right: Rank) -> Bool {
        left.epoch == right.epoch ? left.counter < right.counter : left.epoch < right.epoch
    }
}

/// How a record that came stands to the one that is there.
public enum Precedence: Hashable, Sendable {
    /// It is newer: store it, then act on it.
    case newer
    /// It is the same document; its signatures may be merged.
    case same
    /// It is older: drop it, nobody is to blame.
    case older
    /// It differs, has the same rank, and wins. Store it, act on it, and report both.
    case conflictWon
    /// It differs, has the same rank, and loses. Report both.
    case conflictLost

    /// True if the record takes the place of the one that is there.
    public var replaces: Bool { self == .newer || self == .conflictWon }
}
