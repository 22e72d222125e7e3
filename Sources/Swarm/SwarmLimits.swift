import Units

/// The numbers that simulations and tests vary. The defaults are those of `Units.Limits`.
public struct SwarmLimits: Sendable {
    /// Chunks asked for at once over all neighbours, before bandwidth times delay asks for more.
    public var requestCount = Limits.requestCountDefault
    /// The same for a node that is behind its neighbours.
    public var requestCountMax = Limits.requestCountMax
    /// Chunks smaller than this share one place of those.
    public var requestByteCountMin = Limits.requestByteCountMin
    /// Bytes asked for or being verified. Hard.
    public var unverifiedByteCountMax = Limits.unverifiedByteCountMax
    /// Chunks sent at once.
    public var uploadCount = Limits.uploadCountDefault
    /// Offers open at once.
    public var offerCount = Limits.offerCountDefault
    /// Offers open to one neighbour.
    public var offerCountPerNeighbour = 2
    /// Neighbours that are dialled for.
    public var neighbourCountTarget = Limits.neighbourCountTarget
    /// The same while directing.
    public var neighbourCountTargetDirecting = Limits.neighbourCountTargetDirecting
    /// Neighbours that are accepted.
    public var neighbourCountMax = Limits.neighbourCountMax
    /// Announcements are collected that long at least.
    public var announcementDelay = Duration.milliseconds(20)
    /// And that long at most, in the midst of a long fetch.
    public var announcementDelayMax = Duration.milliseconds(400)

    /// The defaults.
    public init() {}
}
