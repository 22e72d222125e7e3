public import Units

/// What a limit is about: something, of all links of the node or of those of one class.
public struct LimitKey: Hashable, Comparable, Sendable {
    /// What may be set.
    public enum Quantity: String, CaseIterable, Sendable {
        case upload
        case download
        case priority
    }

    /// What it is.
    public let quantity: Quantity
    /// Nil for the node as a whole.
    public let linkClass: LinkClass?

    /// Takes the fields as they are.
    public init(_ quantity: Quantity, of linkClass: LinkClass? = nil) {
        self.quantity = quantity
        self.linkClass = linkClass
    }

    /// The node's own before those of its links, the nearer first; uploads before downloads.
    public static func < (left: LimitKey, right: LimitKey) -> Bool {
        guard left.linkClass == right.linkClass else {
            guard let other = right.linkClass else { return false }
            return left.linkClass.map { $0 < other } ?? true
        }
        let order = Quantity.allCases
        return (order.firstIndex(of: left.quantity) ?? 0) < (order.firstIndex(of: right.quantity) ?? 0)
    }
}

/// What a limit says.
public enum LimitValue: Hashable, Sendable, CustomStringConvertible {
    /// No limit.
    case unlimited
    /// At most this.
    case rate(ByteRate)
    /// Gives way to other traffic, or does not.
    case priority(LinkPriority)

    /// Nil if the text is no value of the quantity.
    init?(_ text: String, for quantity: LimitKey.Quantity) {
        switch quantity {
        case .priority:
            guard let priority = LinkPriority(rawValue: text) else { return nil }
            self = .priority(priority)
        case .upload, .download:
            if text == "unlimited" {
                self = .unlimited
            } else if let rate = ByteRate(parsing: text), rate.bytesPerSecond >= Limits.linkRateMin {
                self = .rate(rate)
            } else {
                return nil
            }
        }
    }

    /// As it is read.
    public var description: String {
        switch self {
        case .unlimited: "unlimited"
        case .rate(let rate): rate.description
        case .priority(let priority): priority.rawValue
        }
    }

    /// For errors.
    static func expectation(of quantity: LimitKey.Quantity) -> String {
        let least = ByteRate(bytesPerSecond: Limits.linkRateMin)?.description ?? ""
        return switch quantity {
        case .priority: "\"low\" or \"normal\""
        case .upload, .download:
            "a rate such as \"20 MB/s\", \"512 KiB/s\" or \"100 Mbit/s\", at least \(least), or \"unlimited\""
        }
    }
}

/// Whether a link gives way to other traffic.
public enum LinkPriority: String, Sendable {
    case normal
    case low
}
