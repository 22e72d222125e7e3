/// What a key may sign.
public enum Right: UInt8, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    /// New roots.
    case root = 1
    /// Manifests.
    case publish = 2
    /// Heads.
    case promote = 4
    /// Deny records.
    case deny = 8

    /// `root`, `publish`, `promote` or `deny`.
    public var description: String {
        switch self {
        case .root: "root"
        case .publish: "publish"
        case .promote: "promote"
        case .deny: "deny"
        }
    }
}

/// A set of rights, as the bits that a root carries.
public struct Rights: OptionSet, Hashable, Sendable, CustomStringConvertible {
    /// As on the wire.
    public let rawValue: UInt8

    /// Any bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The set of one right.
    public init(_ right: Right) { rawValue = right.rawValue }

    /// May sign roots.
    public static let root = Rights(.root)
    /// May sign manifests.
    public static let publish = Rights(.publish)
    /// May sign heads.
    public static let promote = Rights(.promote)
    /// May sign deny records.
    public static let deny = Rights(.deny)
    /// Everything that format 1 knows.
    public static let all: Rights = [.root, .publish, .promote, .deny]

    /// True if `right` is in the set.
    public func includes(_ right: Right) -> Bool { contains(Rights(right)) }

    /// The rights, joined by commas.
    public var description: String {
        Right.allCases.filter(includes).map(\.description).joined(separator: ",")
    }
}

/// How many different keys must sign, for each right.
public struct Thresholds: Hashable, Sendable {
    /// For a new root.
    public let root: UInt8
    /// For a manifest.
    public let publish: UInt8
    /// For a head.
    public let promote: UInt8
    /// For a deny record.
    public let deny: UInt8

    /// Any of them may be given; the others are 1.
    public init(root: UInt8 = 1, publish: UInt8 = 1, promote: UInt8 = 1, deny: UInt8 = 1) {
        self.root = root
        self.publish = publish
        self.promote = promote
        self.deny = deny
    }

    /// The number for one right.
    public subscript(right: Right) -> Int {
        switch right {
        case .root: Int(root)
        case .publish: Int(publish)
        case .promote: Int(promote)
        case .deny: Int(deny)
        }
    }
}
