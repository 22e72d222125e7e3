extension Limits {
    /// A joining message without its length.
    public static let joinMessageByteCountMax = 4096
    /// What a joining connection's reader holds: a grant and a root document fit.
    public static let joinBacklogByteCountMax = 128 << 10
    /// Bytes of the root document in one joining message.
    public static let joinRootPartByteCountMax = 4000
    /// A PKCS#10 request, in DER.
    public static let joinSigningRequestByteCountMax = 1024
    /// A node's certificate in a grant, in DER.
    public static let joinCertificateByteCountMax = 2048
    /// The text of a refusal.
    public static let joinRefusalByteCountMax = 512
    /// A token's secret.
    public static let tokenSecretByteCount = 16
    /// Tokens that are neither spent nor expired.
    public static let tokenCountMax = 1024
    /// Tokens that an issuer remembers: also those that were spent, and for a day those that expired.
    public static let tokenRecordCountMax = 8192
    /// The longest life of a token, in seconds.
    public static let tokenLifetimeSecondsMax = 24 * 3600
    /// Living certificates that an issuer remembers.
    public static let grantCountMax = 32_768
    /// A node certificate's life, in seconds: 90 days.
    public static let certificateLifetimeSeconds = 90 * 24 * 3600
    /// How far a certificate's beginning lies before its issue, in seconds, for clocks that are behind.
    public static let certificateBackdateSeconds = 3600
    /// The life of the CA's certificate, in seconds: 20 years.
    public static let authorityLifetimeSeconds = 20 * 365 * 24 * 3600
    /// A head's life unless told otherwise, in seconds: 30 days.
    public static let headLifetimeSeconds = 30 * 24 * 3600
    /// Manifests that an agent keeps of one model, beside those on disk and those that a head names.
    public static let manifestCountPerModelMax = 256
    /// Pairs of documents of equal rank that an agent remembers, to report them.
    public static let conflictCountMax = 64
    /// A JSON file in the state folder.
    public static let stateJSONByteCountMax = 16 << 20
}
