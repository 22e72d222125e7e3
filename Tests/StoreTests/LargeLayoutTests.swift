import EventLoop
import Files
import Manifest
import Testing
import Units

@testable import Store

@Suite struct LargeLayoutTests {
    @Test @LoopActor func aQuarterOfAMillionChunksAreAssembledAndResumed() async throws {
        let count = Limits.fixedChunkCountMax
        let real = [ChunkIndex(0), 77_777, ChunkIndex(UInt32(count - 1))]
        var builder = LayoutBuilder()
        for number in 0..<UInt32(count) {
            // Only the chunks that are written need digests of their bytes.
            let isReal = real.contains(ChunkIndex(number))
            builder.append(isReal ? sha256([Self.bytes(of: number)]) : Self.digest(number), byteCount: 4)
        }
        builder.endFile()
        let layout = try builder.finish()
        let manifest = try Self.manifest(layout, byteCount: ByteCount(4 * count))
        let folder = try TemporaryFolder()
        do {
            let store = try await Store.open(folder.path, node: testNode)
            _ = try await store.beginFetch(manifest, layout, variant: .default)
            for index in real.reversed() {
                #expect(await store.write(manifest.digest, index, Self.bytes(of: index.value)) == .verified)
            }
            await store.close()
        }
        let store = try await Store.open(folder.path, node: testNode)
        let start = try await store.beginFetch(manifest, layout, variant: .default)
        #expect(start.needed.count == count)
        #expect(start.verified.indices == real)
        #expect(try store.readChunk(manifest.digest, real[2], offset: 1, byteCount: 3) == [3, 255, 255])
    }

    private static func bytes(of number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func digest(_ number: UInt32) -> Digest {
        Digest(exactly: [UInt8](repeating: 0, count: 28) + bytes(of: number))
    }

    private static func manifest(_ layout: Layout, byteCount: ByteCount) throws -> Verified<Manifest> {
        let file = FileEntry(path: try #require(FilePath("large")), byteCount: byteCount, digest: digest(0))
        // Its digest is the trust's to check, not the store's.
        let reference = LayoutReference(
            digest: digest(0), byteCount: UInt32(layout.encodedByteCount), chunkCount: UInt32(layout.chunkCount))
        return try verified(
            Manifest(
                model: #require(ModelName("large")), tag: #require(Tag("one")), publishNumber: 1,
                created: WallTime(secondsSince1970: 1),
                // At a fixed size chunks of four bytes would be refused.
                chunking: .init(
                    algorithm: .content, smallest: 1, average: 4, largest: UInt32(Limits.chunkByteCountMax)),
                layout: reference, variants: [Variant(name: .default, files: [file])]))
    }

    @Test @LoopActor func aFileBeyondFourGibibytesIsWrittenAtItsEnd() async throws {
        // Sparse by hand, since a real fetch would reserve the space: the last chunk's place is what matters.
        let size: Int64 = (4 << 30) + 4
        var builder = LayoutBuilder()
        let zeros = [UInt8](repeating: 0, count: Limits.chunkByteCountMax)
        let zeroDigest = sha256([zeros])
        for _ in 0..<1_024 { builder.append(zeroDigest, byteCount: zeros.count) }
        builder.append(sha256([[1, 2, 3, 4]]), byteCount: 4)
        builder.endFile()
        let layout = try builder.finish()
        let manifest = try Self.manifest(layout, byteCount: ByteCount(size))
        let folder = try TemporaryFolder()
        let files = try RealFileSystem(folder: folder.path)
        let key = VariantKey(version: manifest.digest, variant: .default)
        try files.makeDirectory(StorePaths.assembly(key), mode: 0o750)
        let place = try StorePaths.assembly(key).appending("large")
        try files.create(place, reserving: 0, mode: 0o640).truncate(to: ByteCount(size))
        let store = try await Store.open(folder.path, node: testNode)
        _ = try await store.beginFetch(manifest, layout, variant: .default)
        #expect(await store.write(manifest.digest, 1, [1, 2, 3, 4]) == .verified)
        #expect(try files.open(place, for: .reading).read(byteCount: 5, at: ByteOffset(size - 5)) == [0, 1, 2, 3, 4])
        #expect(try store.readChunk(manifest.digest, 1, offset: 0, byteCount: 4) == [1, 2, 3, 4])
    }
}
