/// The bounds of the frames of `Protocol/wire.md`.
extension Limits {
    /// What a frame's length field may say: type and body.
    public static let frameByteCountMax = 66_560
    /// The program's name and version in HELLO.
    public static let softwareByteCountMax = 64
    /// Addresses in HELLO.
    public static let helloAddressCountMax = 8
    /// Labels in HELLO.
    public static let labelCountMax = 16
    /// A label's key; at least one byte.
    public static let labelKeyByteCountMax = 64
    /// A label's value.
    public static let labelValueByteCountMax = 128
    /// Names in MODELS.
    public static let modelsCountMax = 256
    /// Entries in PEERS.
    public static let peersCountMax = 64
    /// Model names in one entry of PEERS or FOUND.
    public static let peerModelCountMax = 16
    /// Entries in FOUND.
    public static let foundCountMax = 16
    /// Text of GOODBYE.
    public static let goodbyeTextByteCountMax = 256
    /// Digests in VERSIONS.
    public static let versionsCountMax = 512
    /// Times that FIND may be passed on.
    public static let findHopCountMax = 3
    /// Bitmap of one HOLDINGS.
    public static let holdingsBitmapByteCountMax = 16_384
    /// Chunks in one HAVE or WITHDRAW.
    public static let haveChunkCountMax = 1_024
    /// The certificate in CERTIFICATE, in DER.
    public static let certificateFrameByteCountMax = 2_048
    /// Records named in one STATUS_NEWS.
    public static let statusNewsCountMax = 512
    /// Nodes asked about in one STATUS_QUERY.
    public static let statusQueryCountMax = 64
    /// A signed status record.
    public static let statusByteCountMax = 4_096
    /// Chunks that one side may have asked for and not got, on one connection.
    public static let openRequestCountMax = 256
    /// FETCH, VERSIONS_QUERY and RENEW that may be open on one connection.
    public static let openFetchCountMax = 16
    /// Control frames that may wait for one neighbour.
    public static let waitingControlByteCountMax = 4 << 20
}
