extension Limits {
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
    /// Control frames that wait for one neighbour.
    public static let controlBacklogByteCountMax = 4 << 20
    /// What one queued write costs beside its bytes: its request, its buffer's head, and the allocator's rounding.
    public static let queuedWriteByteCount = 512
    /// Ciphertext that is queued for one neighbour before uploads wait.
    public static let uploadBacklogByteCountMax = 256 << 10
    /// What is read of a chunk at once, to be sent.
    public static let uploadReadByteCount = 256 << 10
    /// Memory for chunks that lies idle until the next one is asked for, while any is under way.
    public static let spareChunkBufferByteCountMax = 16 << 20
    /// Connections to neighbours, both ways.
    public static let connectionCountMax = 1024
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
    /// How long a command waits for neighbours that know a version.
    public static let lookupSeconds = 5
}
