public import Units

/// One variant of one version: the unit that is fetched, committed and removed.
public struct VariantKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The digest of the version's manifest.
    public let version: Digest
    /// Which of its variants.
    public let variant: VariantName

    /// A variant of a version.
    public init(version: Digest, variant: VariantName) {
        self.version = version
        self.variant = variant
    }

    /// `<digest>/<variant>`, as in the store's folders.
    public var description: String { "\(version)/\(variant)" }

    /// By version, then by variant.
    public static func < (left: VariantKey, right: VariantKey) -> Bool {
        left.version == right.version ? left.variant < right.variant : left.version < right.version
    }
}
