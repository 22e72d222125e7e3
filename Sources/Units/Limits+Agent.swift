extension Limits {
    /// What fetching leaves free on the disk, unless the configuration says otherwise, in bytes.
    public static let diskFreeByteCountMin: Int64 = 4 << 20
    /// How long a repair that failed waits for its next attempt, in seconds.
    public static let repairPauseSeconds: Int64 = 30
    /// The longest wait where the disk cannot do what a repair takes.
    public static let repairPauseSecondsMax: Int64 = 3_600
    /// A fetch that failed here, for example because the disk is full, is tried again after that.
    public static let fetchRetrySeconds: Int64 = 5
    /// How often it is looked whether a version is due to be hashed again, in seconds.
    public static let scrubReviewSeconds: Int64 = 60
    /// In how many days everything is hashed again, unless the configuration says otherwise.
    public static let scrubDays: Int64 = 30
    /// The slowest pace of the scrub: a version shall not take for ever.
    public static let scrubBytesPerSecondMin: Int64 = 1 << 20
    /// How often the disk is looked at, in seconds.
    public static let diskReviewSeconds: Int64 = 30
    /// Questions about documents that were given up, of one neighbour, and whose late answers are ignored.
    public static let lateAnswerCountMax = 256
    /// Sockets that have not completed their handshake.
    public static let unauthenticatedSocketCountMax = 64
    /// Of them, those from one address beyond loopback.
    public static let unauthenticatedSocketCountPerAddressMax = 16
    /// How long a handshake may take.
    public static let handshakeSeconds = 5
    /// Newcomers that are joining.
    public static let joiningSocketCountMax = 16
    /// Of them, those from one address beyond loopback.
    public static let joiningSocketCountPerAddressMax = 4
    /// How long a TCP connection may take to open.
    public static let dialSeconds = 3
    /// How long a frame may take from its first byte to its last.
    public static let frameSeconds = 10
    /// Silence of ours after which a PING goes out.
    public static let pingSeconds = 5
    /// Silence of a neighbour after which it is closed.
    public static let silenceSeconds = 15
    /// Small frames of one turn of the loop that go to one neighbour together.
    public static let gatheredByteCountMax = 64 << 10
    /// Memory that a connection keeps for them until the next turn.
    public static let gatheredByteCountKept = 4 << 10
    /// Control frames that wait for one neighbour.
    public static let controlBacklogByteCountMax = 4 << 20
    /// What one queued write costs beside its bytes: its request, its buffer's head, and the allocator's rounding.
    public static let queuedWriteByteCount = 512
    /// Ciphertext that is queued for one neighbour before uploads wait.
    public static let uploadBacklogByteCountMax = 256 << 10
    /// What is read of a chunk at once, to be sent, where the connection's window is small. With 32 KiB 20 nodes on
    /// links of 40 Mbit/s ended 1 % later, since each connection has as much more in the queue of the link.
    public static let uploadPieceByteCountMin = 16 << 10
    /// What is read of a chunk at once, to be sent, at most.
    public static let uploadReadByteCount = 256 << 10
    /// Memory for chunks that lies idle until the next one is asked for, while any is under way.
    public static let spareChunkBufferByteCountMax = 16 << 20
    /// Connections to neighbours, both ways.
    public static let connectionCountMax = 1024
    /// How long a FETCH of a manifest that is on its way waits for it.
    public static let heldAnswerMilliseconds: Int64 = 1_000
    /// Layouts of one version that are given at once, however large they are...
    public static let layoutShareCountMin = 2
    /// ... and as many more as have so many bytes together.
    public static let layoutShareByteCount = 64 << 10
    /// A layout that was given counts so long, unless its receiver announces the version before...
    public static let layoutShareMilliseconds: Int64 = 250
    /// ... and so much longer as a link of that rate takes for it.
    public static let layoutShareBytesPerSecond: Int64 = 1 << 20
    /// Whoever said `not now` is not asked again for so long.
    public static let declinedMilliseconds: Int64 = 100
    /// Nodes that find no room here and are told of others, at once...
    public static let referralBurstCount = 256
    /// ... and each second after that.
    public static let referralsPerSecond = 64
    /// Open FETCH, VERSIONS_QUERY and RENEW requests of one neighbour.
    public static let documentRequestCountMax = 16
    /// How long one of them may be silent.
    public static let documentSilenceSeconds = 5
    /// How long one of them may take.
    public static let documentSeconds = 60
    /// Documents that one neighbour may send at once.
    public static let documentBurstCount = 8192
    /// Documents of one neighbour that wait to be judged before it is read no further.
    public static let waitingDocumentCountMax = 256
    /// Lines that one place in the code may log in `logWindowSeconds`.
    public static let logLineCountMax = 200
    /// The time that `logLineCountMax` is for.
    public static let logWindowSeconds = 10
    /// How long a document that could not be made durable waits for the next attempt.
    public static let keepAgainSeconds = 3
    /// Documents that it may send each second after that.
    public static let documentsPerSecond = 64
    /// Models in MODELS.
    public static let announcedModelCountMax = 256
    /// Manifests in VERSIONS.
    public static let announcedVersionCountMax = 512
    /// FIND ids that are remembered.
    public static let findCountMax = 4096
    /// FINDs that a neighbour may send each second.
    public static let findsPerSecond = 20
    /// Fetches that are over and remembered.
    public static let recentFetchCountMax = 32
    /// Sources of a fetch that are named.
    public static let reportedSourceCountMax = 8
    /// How long a command waits for neighbours that know a version.
    public static let lookupSeconds = 5
    /// How long a command waits for the removal of a version that is wanted again.
    public static let removalWaitSeconds = 30
    /// The least that an upload or download may be limited to. Below it neighbours would take this node for stalled.
    public static let linkRateMin: Int64 = 64_000
    /// How much may go at once after a pause, of what a limit allows in a second: it covers a loop that is late.
    public static let paceBurst = Duration.milliseconds(100)
    /// What one paced piece or read lasts, so that several connections take turns many times a second.
    public static let pacePiece = Duration.milliseconds(20)
    /// The smallest paced piece.
    public static let pacedPieceByteCountMin = 4 << 10
    /// Entries of `limits.schedule`.
    public static let limitScheduleCountMax = 64
    /// The longest time for which a command sets a limit: a year.
    public static let limitSecondsMax = 366 * 24 * 3600
    /// The queueing delay at which a low-priority link stops to speed up.
    public static let yieldingDelayTarget = Duration.milliseconds(40)
    /// What a low-priority link keeps while others need the way, shared by all that are busy.
    public static let yieldingRateMin = 64_000.0
    /// Unsent bytes in the socket of a low-priority link.
    public static let yieldingUnsentByteCountMax = 64 << 10
    /// What one connection may have in the kernel in any case; small, since a node sends to many at once.
    public static let sendWindowByteCountMin = 16 << 10
    /// The same in full segments: the other side acknowledges every second one at once.
    public static let sendWindowSegmentCountMin = 4
    /// What one connection may have in the kernel at most.
    public static let sendWindowByteCountMax = 4 << 20
    /// Waiting in queues beyond the distance itself, after which a connection's window shrinks.
    public static let queueingDelayMax = Duration.milliseconds(4)
    /// The window is looked at that seldom.
    public static let sendWindowPause = Duration.milliseconds(20)
}
