extension Limits {
    /// A joining message without its length.
    public static let joinMessageByteCountMax = 4096
    /// Bytes of the root document in one joining message.
    public static let joinRootPartByteCountMax = 4000
    /// A token's secret.
    public static let tokenSecretByteCount = 16
    /// Tokens that are neither spent nor expired.
    public static let tokenCountMax = 1024
    /// The longest life of a token, in seconds.
    public static let tokenLifetimeSecondsMax = 24 * 3600
    /// A node certificate's life, in seconds: 90 days.
    public static let certificateLifetimeSeconds = 90 * 24 * 3600
    /// How far a certificate's beginning lies before its issue, in seconds, for clocks that are behind.
    public static let certificateBackdateSeconds = 3600
    /// The life of the CA's certificate, in seconds: 20 years.
    public static let authorityLifetimeSeconds = 20 * 365 * 24 * 3600
    /// A head's life unless told otherwise, in seconds: 30 days.
    public static let headLifetimeSeconds = 30 * 24 * 3600
    /// Deny records that an agent keeps.
    public static let denyRecordCountMax = 16_384
    /// Manifests that an agent keeps of one model, beside those on disk and those that a head names.
    public static let manifestCountPerModelMax = 256
}
