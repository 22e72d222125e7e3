extension Limits {
    /// Chunks asked for at once over all neighbours, before bandwidth times delay asks for more. Where content cuts,
    /// sizes differ and links idle more easily (200 MiB to 20 nodes, simulated with `--window 32KiB --unsent 16KiB`,
    /// which is about what connections have in the kernel: 1.056 of the limit with 12, 1.042 with 16, 1.036 with 20; to
    /// 50 nodes 1.062 and 1.059 with 16 and 20; 25 MiB 1.097 and 1.103. Real agents on two busy cores: 1.055 with 16,
    /// 1.062 with 20.)
    public static let requestCountDefault = 16
    /// The same for a version of few chunks, of which each is a larger part.
    public static let requestCountFewChunks = 8
    /// One more for each so many chunks, from the one to the other.
    public static let chunkCountPerRequest = 48
    /// Chunks asked for at once by a node that is behind its neighbours, at most.
    public static let requestCountMax = 24
    /// Smaller chunks share one place among the requests: with less under way links idle between two of them.
    public static let requestByteCountMin = 32 << 10
    /// Bytes asked of one neighbour at once, at most, unless a single chunk has more.
    public static let requestByteCountPerNeighbourMax = 16 << 20
    /// Chunks sent at once, when each of them moves. With two, a busy receiver's downlink leaves the uplink idle; with
    /// six, the last nodes wait in long queues (20 nodes on links of 40 Mbit/s: 1.51 and 1.33 of the limit, 1.15 with
    /// three).
    public static let uploadCountDefault = 3
    /// The same for an agent that directs a first copy.
    public static let uploadCountDirecting = 8
    /// Of these to one neighbour.
    public static let uploadCountPerNeighbourMax = 2
    /// Chunks sent at once, slow receivers included.
    public static let uploadCountMax = 16
    /// Cancelled requests of one neighbour of which late bytes are tolerated.
    public static let cancelledRequestCountPerNeighbourMax = 256
    /// Versions of a neighbour that this agent does not know, and remembers.
    public static let strangeVersionCountPerNeighbourMax = 512
    /// Bitmaps of those versions, in bytes.
    public static let strangeBitmapByteCountPerNeighbourMax = 2 << 20
    /// Versions that left or were denied, and are remembered to tell a crossing request from an error.
    public static let formerVersionCountMax = 4_096
    /// Offers that wait for an announcement, of one directed version.
    public static let offerCountDefault = 24
    /// The same where the seed would idle otherwise.
    public static let offerCountMax = 256
    /// Neighbours that an agent dials for.
    public static let neighbourCountTarget = 10
    /// The same for an agent that directs a first copy. Whoever is not its neighbour gets nothing of it and ends last:
    /// of 20 nodes with 16 the last one at 1.13 to 1.14 of the limit, with 24 at 1.10 to 1.12 (real runs with one slow
    /// node).
    public static let neighbourCountTargetDirecting = 24
    /// Neighbours that hold or want what is fetched.
    public static let participantCountTarget = 4
    /// In a place with at most so many other nodes all are neighbours, so that everybody hears each claim at once.
    public static let placeMeshCountMax = 16
    /// Neighbours to which another's claim is passed on.
    public static let claimPassedOnCountMax = 8
    /// Bytes that a claim may wait behind on its way to the others of a place, its passing on included.
    public static let claimQueueByteCount = 1_536 << 10
    /// Neighbours beyond the near ones, so that the graph stays connected.
    public static let farNeighbourCountTarget = 2
    /// The same for an agent that directs a first copy. With few of them its own place gives away most first copies and
    /// finishes last, or each of them has more to give to other places than its uplink takes (400 nodes in 10 racks,
    /// simulated: last node at 1.49 of the limit with 9, 1.20 with 28).
    public static let farNeighbourCountTargetDirecting = 28
    /// Of more than so many an idle agent sheds some...
    public static let neighbourCountAmple = 16
    /// ... while this agent directs a first copy.
    public static let neighbourCountAmpleDirecting = 24
    /// A part of those that are too many is shed that often.
    public static let sheddingPause = Duration.milliseconds(250)
    /// Neighbours beyond which nobody dials for its place's sake, so that newcomers find room.
    public static let neighbourCountDialledMax = 42
    /// Neighbours that are accepted before a newcomer is told `busy`.
    public static let neighbourCountMax = 48
    /// How long an agent that was told `busy` leaves that node alone, the first time...
    public static let busyPauseMin = Duration.seconds(10)
    /// ... and at most.
    public static let busyPauseMax = Duration.seconds(300)
    /// Addresses that one neighbour may supply.
    public static let addressCountPerNeighbourMax = 64
    /// Addresses that all neighbours together may supply.
    public static let addressCountMax = 1_024
    /// PEERS frames of one neighbour in a minute.
    public static let peersMessageCountPerMinuteMax = 16
    /// Nodes of a neighbour's place that it is told of although they are only known by name.
    public static let heardOfMateCountMax = 8
    /// From the addresses that a connection begins with to the next that are sent on it; then twice as long...
    public static let peersPauseMin = Duration.seconds(1)
    /// ... and at most.
    public static let peersPauseMax = Duration.seconds(10)
    /// Connections that are being made at once.
    public static let dialCountMax = 8
    /// Nodes that are remembered as set aside.
    public static let setAsideCountMax = 1_024
    /// Rechecks that one neighbour's BADs have under way or may ask for in a minute.
    public static let recheckCountPerMinuteMax = 16
    /// How long a node is set aside the first time.
    public static let setAsideDurationMin = Duration.seconds(30)
    /// How long a node is set aside at most.
    public static let setAsideDurationMax = Duration.seconds(3600)
    /// A chunk that has begun to come must come by so much...
    public static let strideByteCount = 64 << 10
    /// ... in that long, or it is given up.
    public static let strideDuration = Duration.seconds(10)
    /// A source is given twice the usual time for a chunk for each that lost it before, so often at most.
    public static let patienceDoublingCountMax = 6
    /// Sources of one fetch that are told apart in reports.
    public static let accountedSourceCountMax = 256
    /// A fetch pauses that long after a write failed.
    public static let writeFailurePause = Duration.seconds(5)
}
