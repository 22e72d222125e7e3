internal import Chunking
internal import EventLoop
internal import Files
public import Manifest
public import Units

/// What publishing files would add to what a version before them has.
public struct PublicationCost: Hashable, Sendable {
    /// Bytes of all files of all variants.
    public let byteCount: ByteCount
    /// Bytes of all distinct chunks that the version before does not have.
    public let newByteCount: ByteCount
    /// The most that a variant has in distinct chunks: a node takes one variant.
    public let distinctByteCountOfVariant: ByteCount
    /// The most that a variant has in distinct chunks that the version before does not have.
    public let newByteCountOfVariant: ByteCount

    /// - Parameters:
    ///   - variants: the chunks of each.
    ///   - parent: the layout of the version before; nil if there is none.
    init(_ variants: [[StagedChunk]], beside parent: Layout?) {
        let known = Set(parent?.digests ?? [])
        func count(_ chunks: some Sequence<StagedChunk>, but known: Set<Digest>) -> ByteCount {
            var seen = known
            return chunks.reduce(0) { seen.insert($1.digest).inserted ? $0 + ByteCount($1.byteCount) : $0 }
        }
        byteCount = variants.joined().reduce(0) { $0 + ByteCount($1.byteCount) }
        newByteCount = count(variants.joined(), but: known)
        distinctByteCountOfVariant = variants.map { count($0, but: []) }.max() ?? 0
        newByteCountOfVariant = variants.map { count($0, but: known) }.max() ?? 0
    }
}

extension Publisher {
    /// Cuts and hashes files where they are. Nothing is staged.
    ///
    /// - Parameters:
    ///   - parent: the layout of the version that they come from; nil if there is none.
    ///   - onProgress: bytes hashed so far; called on the loop.
    /// - Throws: `.io`, `.permission` and others if a file cannot be read.
    public static func cost(
        of plans: [PublishPlan], cutting choice: CuttingChoice, beside parent: Layout?,
        onProgress: (@LoopActor (ByteCount) -> Void)? = nil
    ) async throws(StoreError) -> PublicationCost {
        let cutting = try VersionCutting(choice, byteCount: plans.byteCount)
        let files = try await forEachFile(of: plans, onProgress) { (_, file, count) throws(StoreError) in
            try await onPool { () throws(StoreError) in
                try doing("plan") { () throws(FileError) -> [StagedChunk] in
                    let opened = try OutsideFile(path: file.source)
                    let cuts = try cutting.plan(opened, byteCount: file.byteCount).plan
                    var hashing = FileHashing(
                        cutter: FileCutter(cuts, cutting.sizes), into: ChunkList(), includesWhole: false,
                        byteCount: file.byteCount)
                    _ = try hashing.advance(opened, count)
                    return hashing.sink?.chunks ?? []
                }
            }
        }
        var rest = files[...]
        let variants = plans.map { plan in
            defer { rest = rest.dropFirst(plan.files.count) }
            return Array(rest.prefix(plan.files.count).joined())
        }
        return PublicationCost(variants, beside: parent)
    }
}
