public import Units

/// A file of a variant.
public struct FileEntry: Hashable, Sendable {
    /// Where it is in the variant.
    public let path: FilePath
    /// Its size.
    public let byteCount: ByteCount
    /// The SHA-256 of its content: what users and other tools compare.
    public let digest: Digest

    /// An entry; `Manifest` checks it against the others.
    public init(path: FilePath, byteCount: ByteCount, digest: Digest) {
        self.path = path
        self.byteCount = byteCount
        self.digest = digest
    }
}

/// A hardware flavour of a version: its files.
public struct Variant: Hashable, Sendable {
    /// `default` when there is only one.
    public let name: VariantName
    /// Ascending by path; at least one.
    public let files: [FileEntry]

    /// The files may come in any order. `Manifest` checks them.
    public init(name: VariantName, files: [FileEntry]) {
        self.name = name
        self.files = files.sorted { $0.path < $1.path }
    }

    init(sorted files: [FileEntry], name: VariantName) {
        self.name = name
        self.files = files
    }

    /// The bytes of all its files.
    public var byteCount: ByteCount { files.reduce(0) { $0 + $1.byteCount } }
}

/// The table of chunks that a manifest names.
public struct LayoutReference: Hashable, Sendable {
    /// The layout's digest: SHA-256 of `shoal/1 layout`, a zero byte and its bytes.
    public let digest: Digest
    /// The size of the layout itself.
    public let byteCount: UInt32
    /// Distinct chunks.
    public let chunkCount: UInt32

    /// A reference; `Manifest` checks the bounds.
    public init(digest: Digest, byteCount: UInt32, chunkCount: UInt32) {
        self.digest = digest
        self.byteCount = byteCount
        self.chunkCount = chunkCount
    }
}

/// A key and a value: an entry of a manifest's lineage, or a gate.
public struct Note: Hashable, Sendable {
    /// 1 to 64 bytes.
    public let key: String
    /// At most 4,096 bytes in the lineage, 256 in a gate.
    public let value: String

    /// A note; `Manifest` checks the bounds.
    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// What a version is. Its digest is the version's id.
///
/// Every value keeps the rules of `documents.md`, section 4.
public struct Manifest: DocumentBody {
    /// The kind that the envelope names.
    public static let kind = DocumentKind.manifest

    /// The model.
    public let model: ModelName
    /// The version's name for people.
    public let tag: Tag
    /// 1 or more; the newest version of a model has the highest.
    public let publishNumber: UInt64
    /// When it was published, for people.
    public let created: WallTime
    /// How the files were cut.
    public let chunking: ChunkingParameters
    /// The table of chunks.
    public let layout: LayoutReference
    /// Ascending by name; at least one.
    public let variants: [Variant]
    /// The manifest that this version came from.
    public let parent: Digest?
    /// Where the version came from, for people and tools; ascending by key.
    public let lineage: [Note]
    /// What the version must pass before it serves; ascending by name.
    public let gates: [Note]

    /// Variants, files, lineage and gates may come in any order.
    /// - Throws: a DocumentError that names the field which breaks a rule.
    public init(
        model: ModelName, tag: Tag, publishNumber: UInt64, created: WallTime, chunking: ChunkingParameters,
        layout: LayoutReference, variants: [Variant], parent: Digest? = nil, lineage: [Note] = [], gates: [Note] = []
    ) throws(DocumentError) {
        self.model = model
        self.tag = tag
        self.publishNumber = publishNumber
        self.created = created
        self.chunking = chunking
        self.layout = layout
        self.variants = variants.sorted { $0.name < $1.name }
        self.parent = parent
        self.lineage = lineage.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        self.gates = gates.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        try validate()
    }

    /// Reads the canonical encoding and nothing else.
    public init(body: [UInt8], sha256: SHA256Function) throws(DocumentError) { try self.init(body: body) }

    /// Reads the canonical encoding and nothing else.
    public init(body: [UInt8]) throws(DocumentError) {
        var reader = DocumentReader(body, document: "manifest")
        try reader.format()
        model = try reader.name(ModelName.self, "model")
        tag = try reader.name(Tag.self, atMost: Limits.namePartByteCountMax, "tag")
        publishNumber = try reader.u64("publish number")
        created = try reader.time("created")
        guard let algorithm = ChunkingParameters.Algorithm(rawValue: try reader.u8("chunking algorithm")) else {
            throw reader.error(.invalid, "chunking algorithm")
        }
        chunking = try ChunkingParameters(
            algorithm: algorithm, smallest: reader.u32("chunk sizes"), average: reader.u32("chunk sizes"),
            largest: reader.u32("chunk sizes"))
        layout = LayoutReference(
            digest: try reader.identifier(Digest.self, "layout"), byteCount: try reader.u32("layout"),
            chunkCount: try reader.u32("layout"))
        variants = try Self.readVariants(from: &reader)
        switch try reader.u8("parent") {
        case 0: parent = nil
        case 1: parent = try reader.identifier(Digest.self, "parent")
        default: throw reader.error(.invalid, "parent")
        }
        var lineage: [Note] = []
        for _ in 0..<(try reader.count(UInt16.self, in: 0...Limits.lineageCountMax, "lineage")) {
            let key = try reader.string(1...Limits.noteKeyByteCountMax, "lineage key")
            lineage.append(
                Note(key: key, value: try reader.string(0...Limits.lineageValueByteCountMax, "lineage value")))
        }
        self.lineage = lineage
        var gates: [Note] = []
        for _ in 0..<(try reader.count(UInt8.self, in: 0...Limits.gateCountMax, "gates")) {
            let key = try reader.string(1...Limits.noteKeyByteCountMax, "gate name")
            gates.append(Note(key: key, value: try reader.string(0...Limits.gateValueByteCountMax, "gate value")))
        }
        self.gates = gates
        try reader.requireEnd()
        try validate()
    }

    private static func readVariants(from reader: inout DocumentReader) throws(DocumentError) -> [Variant] {
        var variants: [Variant] = []
        for _ in 0..<(try reader.count(UInt8.self, in: 1...Limits.variantCountMax, "variants")) {
            let name = try reader.name(VariantName.self, atMost: Limits.namePartByteCountMax, "variant name")
            var files: [FileEntry] = []
            for _ in 0..<(try reader.count(UInt16.self, in: 1...Limits.fileCountMax, "files")) {
                let path = try reader.name(FilePath.self, atMost: Limits.filePathByteCountMax, "path")
                let byteCount = try reader.u64("file size")
                guard byteCount <= UInt64(Int64.max) else { throw reader.error(.outOfRange, "file size") }
                let digest = try reader.identifier(Digest.self, "file digest")
                files.append(FileEntry(path: path, byteCount: ByteCount(byteCount), digest: digest))
            }
            variants.append(Variant(sorted: files, name: name))
        }
        return variants
    }

    /// The canonical bytes.
    public func encode() -> [UInt8] {
        var writer = ByteWriter(reserving: 512 + 128 * fileCount)
        writer.integer(1 as UInt16)
        writer.name(model)
        writer.name(tag)
        writer.integer(publishNumber)
        writer.time(created)
        writer.integer(chunking.algorithm.rawValue)
        for size in [chunking.smallest, chunking.average, chunking.largest] { writer.integer(size) }
        writer.identifier(layout.digest)
        writer.integer(layout.byteCount)
        writer.integer(layout.chunkCount)
        writer.integer(UInt8(variants.count))
        for variant in variants {
            writer.name(variant.name)
            writer.integer(UInt16(variant.files.count))
            for file in variant.files {
                writer.name(file.path)
                writer.integer(UInt64(file.byteCount.value))
                writer.identifier(file.digest)
            }
        }
        writer.integer(UInt8(parent == nil ? 0 : 1))
        if let parent { writer.identifier(parent) }
        writer.integer(UInt16(lineage.count))
        for note in lineage { writer.note(note) }
        writer.integer(UInt8(gates.count))
        for note in gates { writer.note(note) }
        return writer.bytes
    }
}

extension ByteWriter {
    fileprivate mutating func note(_ note: Note) {
        string(note.key)
        string(note.value)
    }
}
