public import Units
public import Wire

/// What a node says of one channel that it follows.
public struct ChannelReport: Hashable, Sendable {
    /// Where the version that the node should run stands.
    public enum State: UInt8, Hashable, Sendable, CaseIterable {
        /// Nothing of it is here.
        case waiting = 1
        /// It is being fetched.
        case fetching = 2
        /// Complete on disk; no inference process has it or is about to.
        case ready = 3
        /// An inference process is loading it or switching to it.
        case loading = 4
        /// An inference process runs its calibration inputs.
        case checking = 5
        /// Served, and still looked at.
        case trial = 6
        /// Served, with its trial behind it.
        case serving = 7
        /// It was set aside here, or cannot be switched to.
        case failed = 8
    }

    /// The model and the channel.
    public let channel: ModelChannel
    /// Of `wanted`.
    public var state: State
    /// How much of `wanted` is here, in parts of a thousand.
    public var fetchedPerMille: UInt16
    /// What it should run.
    public var wanted: Digest?
    /// What it serves, as it was observed.
    public var served: Digest?
    /// What was set aside last.
    public var failed: Digest?
    /// Why; at most 128 bytes.
    public var reason: String

    /// A report; the reason is cut to its bound.
    public init(
        channel: ModelChannel, state: State, fetchedPerMille: UInt16 = 0, wanted: Digest? = nil, served: Digest? = nil,
        failed: Digest? = nil, reason: String = ""
    ) {
        self.channel = channel
        self.state = state
        self.fetchedPerMille = min(fetchedPerMille, Limits.perMilleMax)
        self.wanted = wanted
        self.served = served
        self.failed = failed
        self.reason = reason.cut(toByteCount: Limits.statusReasonByteCountMax)
    }
}

extension ChannelReport {
    /// Whether what it serves has its trial behind it. While it serves something else than it should, that is not told.
    public var hasProven: Bool { served == wanted && state != .trial }
}

extension [ChannelReport] {
    /// Whether they say what others do, but for the progress of fetches.
    public func sayAsMuch(as others: [ChannelReport]) -> Bool {
        count == others.count
            && zip(self, others).allSatisfy { report, other in
                var report = report
                report.fetchedPerMille = other.fetchedPerMille
                return report == other
            }
    }
}

/// What a node says of itself: `documents.md`, section 10. Unsigned.
public struct StatusRecord: Hashable, Sendable {
    /// The cluster for which it was signed.
    public let cluster: ClusterID
    /// Whose it is.
    public let node: NodeID
    /// Its place in the order of the node's records.
    public let stamp: StatusStamp
    /// When it was signed, by the node's clock.
    public let issued: WallTime
    /// As in the node's certificate.
    public let name: NodeName
    /// Program and version.
    public let software: String
    /// `running`, or what is wrong.
    public let state: String
    /// Bytes of chunks a second, received.
    public let receivedPerSecond: UInt64
    /// The same, sent.
    public let sentPerSecond: UInt64
    /// In ascending order of the keys.
    public let labels: [Label]
    /// Ascending by model and channel.
    public let channels: [ChannelReport]

    /// A record; texts are cut to their bounds, labels and channels sorted.
    public init(
        cluster: ClusterID, node: NodeID, stamp: StatusStamp, issued: WallTime, name: NodeName, software: String = "",
        state: String = "running", receivedPerSecond: UInt64 = 0, sentPerSecond: UInt64 = 0, labels: [Label] = [],
        channels: [ChannelReport] = []
    ) {
        self.cluster = cluster
        self.node = node
        self.stamp = stamp
        self.issued = issued
        self.name = name
        self.software = software.cut(toByteCount: Limits.statusTextByteCountMax)
        self.state = state.cut(toByteCount: Limits.statusTextByteCountMax)
        self.receivedPerSecond = receivedPerSecond
        self.sentPerSecond = sentPerSecond
        let sorted = labels.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        self.labels = Array(sorted.prefix(Limits.labelCountMax))
        self.channels = Array(channels.sorted { $0.channel < $1.channel }.prefix(Limits.statusModelCountMax))
    }

    /// Whether it only says again what the one before said, with other rates and progress.
    func isRenewal(of other: StatusRecord) -> Bool {
        stamp.boot == other.stamp.boot && name == other.name && state == other.state && labels == other.labels
            && channels.sayAsMuch(as: other.channels)
    }
}

extension String {
    /// The longest beginning of whole characters that fits.
    fileprivate func cut(toByteCount limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var (kept, count) = ("", 0)
        for character in self {
            count += character.utf8.count
            guard count <= limit else { break }
            kept.append(character)
        }
        return kept
    }
}
