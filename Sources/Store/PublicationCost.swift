internal import Chunking
internal import EventLoop
internal import Files
public import Manifest
public import Units

/// What publishing files would add to what a version before them has.
public struct PublicationCost: Hashable, Sendable {
    /// Bytes of all files.
    public let byteCount: ByteCount
    /// Bytes of all distinct chunks.
    public let distinctByteCount: ByteCount
    /// Of these the bytes that the version before does not have.
    public let newByteCount: ByteCount

    /// - Parameter parent: the layout of the version before; nil if there is none.
    init(_ files: [[StagedChunk]], beside parent: Layout?) {
        let known = Set(parent?.digests ?? [])
        var seen: Set<Digest> = []
        var (all, distinct, new) = (0 as Int64, 0 as Int64, 0 as Int64)
        for chunk in files.joined() {
            all += Int64(chunk.byteCount)
            guard seen.insert(chunk.digest).inserted else { continue }
            distinct += Int64(chunk.byteCount)
            if !known.contains(chunk.digest) { new += Int64(chunk.byteCount) }
        }
        byteCount = ByteCount(all)
        distinctByteCount = ByteCount(distinct)
        newByteCount = ByteCount(new)
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
        return PublicationCost(files, beside: parent)
    }
}
