/// Why a connection ends, as GOODBYE says it. A struct, since a later agent may send codes that this one does not know.
public struct GoodbyeCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// As on the wire.
    public let rawValue: UInt16

    /// Any number.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The agent ends.
    public static let leaving = GoodbyeCode(rawValue: 0)
    /// There is another connection between the two.
    public static let duplicate = GoodbyeCode(rawValue: 1)
    /// The dialler met itself.
    public static let `self` = GoodbyeCode(rawValue: 2)
    /// A lane that is not in use, or an unknown frame below 0x80.
    public static let unsupported = GoodbyeCode(rawValue: 3)
    /// A frame breaks its table.
    public static let malformed = GoodbyeCode(rawValue: 4)
    /// A length or a count over its bound.
    public static let tooLarge = GoodbyeCode(rawValue: 5)
    /// A frame came where it may not.
    public static let outOfOrder = GoodbyeCode(rawValue: 6)
    /// An answer, or data, that was not asked for.
    public static let unsolicited = GoodbyeCode(rawValue: 7)
    /// A version that was not opened on this connection.
    public static let unknownVersion = GoodbyeCode(rawValue: 8)
    /// A chunk's hash was wrong.
    public static let badChunk = GoodbyeCode(rawValue: 9)
    /// A document's bytes, or the signature of a listed key, are wrong.
    public static let badDocument = GoodbyeCode(rawValue: 10)
    /// PEERS too often, or too many in it.
    public static let tooManyAddresses = GoodbyeCode(rawValue: 11)
    /// A frame, HELLO or the handshake took too long, or too much waits to be read.
    public static let slow = GoodbyeCode(rawValue: 12)
    /// Nothing was heard for 15 s.
    public static let silent = GoodbyeCode(rawValue: 13)
    /// The peer is denied.
    public static let denied = GoodbyeCode(rawValue: 14)
    /// Too many connections; try again after 10 s.
    public static let busy = GoodbyeCode(rawValue: 15)
    /// Requests were lost to silence three times in a row.
    public static let stalled = GoodbyeCode(rawValue: 16)
    /// The certificate names another cluster.
    public static let otherCluster = GoodbyeCode(rawValue: 17)

    /// True if whoever finds this fault sets the neighbour aside: no connection for 30 s, doubled each time up to an
    /// hour.
    public var setsAside: Bool {
        switch self {
        case .leaving, .duplicate, .`self`, .silent, .denied, .busy: false
        default: rawValue < Self.names.count
        }
    }

    /// The name in `wire.md`, section 5, or the number.
    public var description: String {
        rawValue < Self.names.count ? Self.names[Int(rawValue)] : "code \(rawValue)"
    }

    private static let names = [
        "leaving", "duplicate", "self", "unsupported", "malformed", "tooLarge", "outOfOrder", "unsolicited",
        "unknownVersion", "badChunk", "badDocument", "tooManyAddresses", "slow", "silent", "denied", "busy", "stalled",
        "otherCluster",
    ]
}
