extension Limits {
    /// Ciphertext that a session keeps until it is read: what one read of a socket brings, and a part of a record.
    public static let tlsInputByteCountMax = 4 << 20
    /// Ciphertext that waits to be taken from a session.
    public static let tlsOutputByteCountMax = 8 << 20
    /// Plaintext that a session hands out at once.
    public static let tlsPlaintextByteCount = 64 << 10
    /// Sent under one key before a session moves to the next. AES-GCM is good for some 388 GB (RFC 8446, 5.5).
    public static let tlsKeyUpdateByteCount = 64 << 30
    /// Certificates that a peer's chain may have between its own and the root, as OpenSSL counts them.
    public static let tlsVerificationDepth = 2
    /// A certificate or a certificate request, in DER.
    public static let certificateByteCountMax = 4 << 10
    /// A private key, in PEM.
    public static let privateKeyByteCountMax = 4 << 10
    /// A certificate's common name (X.520, ub-common-name).
    public static let commonNameByteCountMax = 64
    /// What a session exports at once.
    public static let tlsExportByteCountMax = 1 << 10
}
