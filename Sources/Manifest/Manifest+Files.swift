public import Units

extension Manifest {
    /// How many files there are over all variants, in the layout's order: variants by name, files by path.
    public var fileCount: Int { variants.reduce(0) { $0 + $1.files.count } }

    /// All files in the layout's order.
    public var files: [FileEntry] { variants.flatMap(\.files) }

    /// The bytes of all files of all variants.
    public var byteCount: ByteCount { variants.reduce(0) { $0 + $1.byteCount } }

    /// The variant with a name.
    public func variant(_ name: VariantName) -> Variant? { variants.first { $0.name == name } }

    /// Which of the layout's files are a variant's; nil if there is no such variant.
    public func fileRange(of name: VariantName) -> Range<Int>? {
        var start = 0
        for variant in variants {
            if variant.name == name { return start..<start + variant.files.count }
            start += variant.files.count
        }
        return nil
    }
}
