/// The bounds of the documents of `Protocol/documents.md`.
extension Limits {
    /// Signatures of one document; at least one.
    public static let signatureCountMax = 16
    /// An ECDSA signature in DER.
    public static let signatureByteCountMin = 8
    /// An ECDSA signature in DER.
    public static let signatureByteCountMax = 72
    /// A P-256 public key as DER SubjectPublicKeyInfo, exactly.
    public static let publicKeyByteCount = 91
    /// The latest date that a document may name: whatever is added to it, it stays a date, and it is exact in JSON.
    public static let secondsSince1970Max: Int64 = (1 << 53) - 1

    /// CA certificates of a root; at least one.
    public static let rootCertificateCountMax = 4
    /// A CA certificate of a root, in DER.
    public static let rootCertificateByteCountMax = 2_048
    /// Keys of a root; at least one.
    public static let rootKeyCountMax = 32
    /// Model patterns of one key; at least one.
    public static let patternCountMax = 16
    /// A model pattern: a model's name and `/*`.
    public static let patternByteCountMax = modelNameByteCountMax + 2
    /// The highest threshold.
    public static let thresholdMax = 32

    /// Variants of a version; at least one.
    public static let variantCountMax = 32
    /// A file's path.
    public static let filePathByteCountMax = 1_024
    /// One component of a file's path.
    public static let filePathComponentByteCountMax = 255
    /// Components of a file's path.
    public static let filePathComponentCountMax = 32
    /// Entries of a manifest's lineage.
    public static let lineageCountMax = 64
    /// A key of the lineage or a gate's name; at least one byte.
    public static let noteKeyByteCountMax = 64
    /// A value of the lineage.
    public static let lineageValueByteCountMax = 4_096
    /// Gates of a manifest.
    public static let gateCountMax = 16
    /// A gate's value.
    public static let gateValueByteCountMax = 256

    /// Rings of a rollout.
    public static let ringCountMax = 16
    /// Pins of a head.
    public static let pinCountMax = 32
    /// A label selector.
    public static let selectorByteCountMax = 256
    /// All of something, in parts of a thousand.
    public static let perMilleMax: UInt16 = 1_000

    /// Subjects that an agent keeps deny records of.
    public static let denySubjectCountMax = 65_536
}
