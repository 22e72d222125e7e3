/// `limit`: changes how fast this node may send and receive, until it is taken back or for a time, and tells what is in
/// force. Without anything to change it only tells.
public struct SetLimits: ControlMethod {
    /// What comes back.
    public typealias Reply = LimitReport
    /// Its name on the wire.
    public static let method = "limit"
    /// The class of links that the change is for (`host`, `rack`, `zone`, `region`, `far`); nil for the whole node.
    public let links: String?
    /// Bytes a second, 0 for no limit; nil leaves it.
    public let upload: Int64?
    /// Bytes a second, 0 for no limit; nil leaves it.
    public let download: Int64?
    /// `low` or `normal`; nil leaves it.
    public let priority: String?
    /// How long the change is for; nil until it is taken back.
    public let seconds: Int?
    /// Takes back what was set before: of the class, or, without one, of the node and all classes.
    public let clear: Bool

    /// The values are checked by the agent.
    public init(
        links: String? = nil, upload: Int64? = nil, download: Int64? = nil, priority: String? = nil,
        seconds: Int? = nil, clear: Bool = false
    ) {
        self.links = links
        self.upload = upload
        self.download = download
        self.priority = priority
        self.seconds = seconds
        self.clear = clear
    }
}

/// The reply to `limit`.
public struct LimitReport: Codable, Sendable {
    /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
    public var schema = "shoal.limit/1"
    /// What is in force: upload, download and priority of the node, then what classes of links have of their own.
    public let items: [LimitStatus]

    /// For the agent, which knows it.
    public init(items: [LimitStatus]) { self.items = items }
}

/// One limit that is in force.
public struct LimitStatus: Codable, Sendable {
    /// `upload`, `download` or `priority`.
    public let what: String
    /// The class of links; empty for all.
    public let links: String
    /// Of an upload or download limit; 0 for none.
    public let bytesPerSecond: Int64
    /// `low` or `normal`; empty for a rate.
    public let priority: String
    /// Who said so: `default`, `configuration`, `schedule`, `command`.
    public let source: String
    /// The schedule's times of day, as in `08:00-18:00`; else empty.
    public let schedule: String
    /// When the command's time is over; empty if it is not bounded.
    public let until: String

    /// For the agent, which knows it.
    public init(
        what: String, links: String, bytesPerSecond: Int64, priority: String, source: String, schedule: String,
        until: String
    ) {
        self.what = what
        self.links = links
        self.bytesPerSecond = bytesPerSecond
        self.priority = priority
        self.source = source
        self.schedule = schedule
        self.until = until
    }
}
