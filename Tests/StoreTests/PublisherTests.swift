import Chunking
import Crypto
import EventLoop
import Files
import FoundationEssentials
import Glibc
import Manifest
import Testing
import Units

@testable import Store

/// A state folder, something to publish, and the publisher of it.
@LoopActor private struct Publication {
    let state: TemporaryFolder
    let source: TemporaryFolder
    let publisher: Publisher

    init(_ files: [String: [UInt8]]) async throws {
        state = try TemporaryFolder()
        source = try TemporaryFolder()
        for (path, bytes) in files { try source.write(path, bytes) }
        publisher = try await Publisher.begin(stateFolder: state.path)
    }

    func stage() async throws -> StagedVersion { try await publisher.stage([PublishPlan.scan(source.path)]) }
}

func manifest(of staged: StagedVersion, model: String = "test/model", tag: String = "one") throws -> Verified<Manifest>
{
    try verified(
        Manifest(
            model: #require(ModelName(model)), tag: #require(Tag(tag)), publishNumber: 1,
            created: WallTime(secondsSince1970: 1), chunking: staged.chunking,
            layout: staged.layout.reference(sha256: sha256), variants: staged.variants))
}

@Suite struct PublisherTests {
    private static let files: [String: [UInt8]] = [
        "empty": [], "one": [1], "less": noise(4_095, seed: 1), "long": noise(400_000, seed: 2),
        "sub/more": noise(50_000, seed: 3), "sub/same": noise(50_000, seed: 3),
        "tensors": safetensors([("a", noise(40_000, seed: 4)), ("b", noise(3, seed: 5))]),
    ]

    /// A safetensors file of bytes.
    private static func safetensors(_ tensors: [(name: String, data: [UInt8])]) -> [UInt8] {
        var (entries, data): ([String], [UInt8]) = ([], [])
        for tensor in tensors {
            let range = "[\(data.count),\(data.count + tensor.data.count)]"
            entries.append("\"\(tensor.name)\":{\"dtype\":\"U8\",\"data_offsets\":\(range)}")
            data += tensor.data
        }
        let header = Array("{\(entries.joined(separator: ","))}".utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + data
    }

    @Test @LoopActor func stagedFilesAreCutAndHashed() async throws {
        let publication = try await Publication(Self.files)
        var progress: [ByteCount] = []
        let plan = try PublishPlan.scan(publication.source.path)
        let staged = try await publication.publisher.stage([plan]) { progress.append($0) }
        let files = try #require(staged.variants.first?.files)
        #expect(staged.variants.map(\.name) == [.default])
        #expect(files.map(\.path.text) == Self.files.keys.sorted())
        for file in files { #expect(file.digest == SHA256.hash(Self.files[file.path.text] ?? [])) }
        #expect(staged.chunking == .init(algorithm: .content, smallest: 8_192, average: 16_384, largest: 24_576))
        let layout = staged.layout
        for (number, file) in files.enumerated() {
            var rest = (Self.files[file.path.text] ?? [])[...]
            for chunk in layout.chunks(ofFile: number) {
                let piece = rest.prefix(layout.byteCount(of: ChunkIndex(chunk)))
                #expect(SHA256.hash(Array(piece)) == layout.digest(of: ChunkIndex(chunk)), "\(file.path)")
                rest.removeFirst(piece.count)
            }
            #expect(rest.isEmpty)
        }
        #expect(layout.chunks(ofFile: 2).count > 10)
        #expect(Array(layout.chunks(ofFile: 5)) == Array(layout.chunks(ofFile: 4)))
        #expect(layout.chunks(ofFile: 6).map { layout.lengths[Int($0)] }.suffix(3) == [24_576, 15_424, 3])
        #expect(staged.remarks.isEmpty)
        #expect(progress.last == plan.byteCount)
    }

    @Test @LoopActor func theCopyIsNoHardLinkAndReadOnly() async throws {
        let publication = try await Publication(["x": [1, 2, 3]])
        let staged = try await publication.stage()
        let path = "\(publication.state.path)/staging/\(staged.staging)/default/x"
        try publication.source.write("x", [9, 9, 9])
        #expect(try OutsideFile(path: path).read(byteCount: 3, at: 0) == [1, 2, 3])
        #expect(try OutsideFile(path: path).status().mode == 0o440)
    }

    @Test @LoopActor func whatRootStagesBelongsToTheOwnerOfTheState() async throws {
        try #require(geteuid() == 0, "this test needs root")
        let state = try TemporaryFolder()
        let source = try TemporaryFolder()
        try source.write("sub/x", [1])
        #expect(unsafe chown(state.path, 12_345, 23_456) == 0)
        let publisher = try await Publisher.begin(stateFolder: state.path)
        let staged = try await publisher.stage([PublishPlan.scan(source.path)])
        let folder = "/\(staged.staging)"
        for path in ["", folder, folder + "/default", folder + "/default/sub", folder + "/default/sub/x"] {
            var status = stat()
            #expect(unsafe stat("\(state.path)/staging\(path)", &status) == 0)
            #expect(status.st_uid == 12_345 && status.st_gid == 23_456, "\(path)")
        }
    }

    @Test @LoopActor func aFileThatChangesMeanwhileIsRefusedByName() async throws {
        let publication = try await Publication(["x": [1, 2, 3]])
        let plan = try PublishPlan.scan(publication.source.path)
        try publication.source.write("x", [1, 2])
        let error = await #expect(throws: StoreError.self) { try await publication.publisher.stage([plan]) }
        #expect(error?.code == .refused)
        #expect(error?.subject.hasSuffix("/x") == true)
    }

    @Test @LoopActor func anAgentThatStartsLeavesALivingPublisherAloneAndClearsUpAfterADeadOne() async throws {
        let publication = try await Publication(["x": [1]])
        let staged = try await publication.stage()
        let folder = "\(publication.state.path)/staging/\(staged.staging)"
        let first = try await Store.open(publication.state.path, node: testNode)
        #expect(FileManager.default.fileExists(atPath: folder))
        await first.close()
        publication.publisher.testsOnly_die()
        let second = try await Store.open(publication.state.path, node: testNode)
        #expect(!FileManager.default.fileExists(atPath: folder))
        await second.close()
    }

    @Test @LoopActor func discardingLeavesNothing() async throws {
        let publication = try await Publication(["x": [1], "y/z": [2]])
        _ = try await publication.stage()
        await publication.publisher.discard()
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(publication.state.path)/staging").isEmpty)
    }

    @Test @LoopActor func equalFilesAreKnownAsEqual() async throws {
        let publication = try await Publication(Self.files)
        let variant = try #require(try await publication.stage().variants.first)
        func isEqual() async throws -> Bool {
            try await Publisher.areEqual([PublishPlan.scan(publication.source.path)], [variant])
        }
        #expect(try await isEqual())
        try publication.source.write("one", [2])
        #expect(try await !isEqual())
        try publication.source.write("one", [1])
        #expect(try await isEqual())
        try publication.source.write("two", [])
        #expect(try await !isEqual())
    }

    @Test @LoopActor func aFileIsCutAlikeByOneThreadAndByTwo() async throws {
        let one = try await Publication(["long": noise(2 << 20, seed: 6)])
        let many = try await Publication(["long": noise(2 << 20, seed: 6), "other": noise(2 << 20, seed: 7)])
        let exactly = CuttingChoice.exactly(try await one.stage().chunking)
        let together = try await many.publisher.stage([PublishPlan.scan(many.source.path)], cutting: exactly)
        let alone = try await Publication(["long": noise(2 << 20, seed: 6)]).stage()
        #expect(alone.variants[0].files[0] == together.variants[0].files[0])
        let count = alone.layout.chunkCount
        #expect(together.layout.digests.prefix(count) == alone.layout.digests[...])
    }

    @Test @LoopActor func aVersionIsCutByItsParentsSizes() async throws {
        let publication = try await Publication(["x": noise(100_000, seed: 8)])
        let plan = try PublishPlan.scan(publication.source.path)
        func chunking(_ choice: CuttingChoice) async throws -> ChunkingParameters {
            try await Publisher.begin(stateFolder: publication.state.path).stage([plan], cutting: choice).chunking
        }
        let parent = ChunkingParameters(algorithm: .content, smallest: 8_192, average: 32_768, largest: 131_072)
        #expect(try await chunking(.fitting(parent: parent)) == parent)
        let far = ChunkingParameters(algorithm: .content, smallest: 8_192, average: 131_072, largest: 131_072)
        #expect(try await chunking(.fitting(parent: far)).average == 16_384)
        let fixed = try await chunking(.fitting(parent: .fixed(65_536)))
        #expect(fixed == .init(algorithm: .content, smallest: 32_768, average: 65_536, largest: 98_304))
        #expect(try await chunking(.exactly(.fixed(16_384))) == .fixed(16_384))
    }

    @Test @LoopActor func aVersionOfFixedSizesIsCutAtThem() async throws {
        let publication = try await Publication(["x": noise(40_000, seed: 9), "y": []])
        let plan = try PublishPlan.scan(publication.source.path)
        let staged = try await publication.publisher.stage([plan], cutting: .exactly(.fixed(16_384)))
        #expect(staged.layout.lengths == [16_384, 16_384, 7_232])
    }

    @Test @LoopActor func aTensorFileWithABrokenHeaderIsRemarkedOn() async throws {
        var broken = Self.safetensors([("a", noise(10, seed: 1))])
        broken.removeLast()
        let publication = try await Publication(["m.safetensors": broken, "n": noise(10, seed: 1)])
        let staged = try await publication.stage()
        #expect(staged.remarks.map(\.path) == ["m.safetensors"])
        #expect(staged.remarks.first?.text.contains("within the file") == true)
    }

    @Test @LoopActor func aSparseFileBeyondFourGibibytesIsReadUpToItsEnd() throws {
        let source = try TemporaryFolder()
        let path = "\(source.path)/large"
        let file = try RealFileSystem(folder: source.path).create("large", reserving: 0, mode: 0o600)
        try file.write([1, 2, 3, 4], at: ByteOffset((4 << 30) + 1))
        let plan = try PublishPlan.scan(path)
        #expect(plan.byteCount.value == (4 << 30) + 5)
        let cuts = CutPlan.fixed(plan.byteCount, chunkByteCount: 4 << 20)
        #expect(cuts.lengths.count == 1_025 && cuts.lengths.last == 5)
        #expect(try OutsideFile(path: path).read(byteCount: 5, at: ByteOffset(4 << 30)) == [0, 1, 2, 3, 4])
    }
}

@Suite struct AdoptTests {
    @Test @LoopActor func anAdoptedVersionIsCompleteServedAndDurable() async throws {
        let publication = try await Publication(["a/b": noise(200_000, seed: 1), "c": []])
        let staged = try await publication.stage()
        let manifest = try manifest(of: staged)
        let store = try await Store.open(publication.state.path, node: testNode)
        let adopted = try await store.adopt(staged.staging, manifest, staged.layout)
        let key = VariantKey(version: manifest.digest, variant: .default)
        #expect(adopted.map(\.key) == [key])
        #expect(adopted.first?.received.local == 200_000)
        #expect(store.available(manifest.digest)?.isFull == true)
        let bytes = try store.readChunk(manifest.digest, 1, offset: 0, byteCount: 100)
        let start = Int(staged.layout.lengths[0])
        #expect(bytes == Array(noise(200_000, seed: 1)[start..<start + 100]))
        #expect(try await store.verify(key).isIntact)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(store.folder)/staging").isEmpty)
        await store.close()
        let again = try await Store.open(publication.state.path, node: testNode)
        #expect(again.committed.map(\.key) == [key])
        #expect(again.committed.first?.isDamaged == false)
    }

    @Test @LoopActor func adoptingTwiceIsOnceAndClearsTheSecondStaging() async throws {
        let publication = try await Publication(["x": [1, 2]])
        let staged = try await publication.stage()
        let manifest = try manifest(of: staged)
        let store = try await Store.open(publication.state.path, node: testNode)
        let first = try await store.adopt(staged.staging, manifest, staged.layout)
        let publisher = try await Publisher.begin(stateFolder: publication.state.path)
        let again = try await publisher.stage([PublishPlan.scan(publication.source.path)])
        #expect(again.layout == staged.layout)
        #expect(try await store.adopt(again.staging, manifest, again.layout) == first)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(store.folder)/staging").isEmpty)
    }

    @Test(arguments: ["../keys", "publish-", "publish-a/b", "trash-1", "", "publish-none"]) @LoopActor
    func aNameThatIsNoStagingFolderIsRefused(name: String) async throws {
        let publication = try await Publication(["x": [1, 2]])
        let staged = try await publication.stage()
        let store = try await Store.open(publication.state.path, node: testNode)
        let manifest = try manifest(of: staged)
        let error = await #expect(throws: StoreError.self) {
            try await store.adopt(name, manifest, staged.layout)
        }
        #expect([.refused, .corrupt].contains(error?.code))
        #expect(store.committed.isEmpty)
    }

    @Test @LoopActor func aFetchThatIsUnderWayEndsWithTheAdoption() async throws {
        let publication = try await Publication(["x": noise(100_000, seed: 4)])
        let staged = try await publication.stage()
        let manifest = try manifest(of: staged)
        let store = try await Store.open(publication.state.path, node: testNode)
        _ = try await store.beginFetch(manifest, staged.layout, variant: .default)
        try await store.adopt(staged.staging, manifest, staged.layout)
        #expect(store.available(manifest.digest)?.isFull == true)
        #expect(store.committed.count == 1)
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5] as [UInt64]) @LoopActor
    func aPowerCutAtAnyCallOfAnAdoptionLeavesAllOrNothing(seed: UInt64) async throws {
        let version = try TestVersion(["a": noise(300, seed: 1), "b/c": [1]])
        var nth = 0
        var failures = 1
        while failures > 0 {
            nth += 1
            let memory = MemoryFileSystem()
            let faulty = FaultyFileSystem(memory)
            do {
                let store = try await Store.open(faulty, node: testNode)
                try stage(version, as: "publish-x", in: faulty)
                faulty.fail(nth: nth, errno: EIO, .forEver)
                let result = await Result.of {
                    try await store.adopt("publish-x", version.manifest, version.layout)
                }
                failures = faulty.failureCount
                if failures == 0 { _ = try result.get() }
            }
            memory.cutPower(seed == 0 ? .losesAll : .keepsSome(seed: seed &* 1_000 &+ UInt64(nth)))
            let store = try await Store.open(memory, node: testNode)
            if store.committed.isEmpty {
                #expect(failures > 0)
                try stage(version, as: "publish-y", in: memory)
                try await store.adopt("publish-y", version.manifest, version.layout)
            }
            #expect(store.committed.allSatisfy { !$0.isDamaged }, "call \(nth)")
            #expect(try memory.committedFiles(version) == version.files, "call \(nth)")
        }
        #expect(nth > 15)
    }

    @Test @LoopActor func eachFailingCallOfAnAdoptionMayBeTriedAgain() async throws {
        let version = try TestVersion(["a": noise(300, seed: 1), "b/c": [1]])
        var nth = 0
        var failures = 1
        while failures > 0 {
            nth += 1
            let faulty = FaultyFileSystem(MemoryFileSystem())
            let store = try await Store.open(faulty, node: testNode)
            try stage(version, as: "publish-x", in: faulty)
            faulty.fail(nth: nth, errno: ENOSPC, .once)
            let first = await Result.of { try await store.adopt("publish-x", version.manifest, version.layout) }
            failures = faulty.failureCount
            faulty.heal()
            if case .failure = first {
                try stage(version, as: "publish-x", in: faulty)
                try await store.adopt("publish-x", version.manifest, version.layout)
            }
            #expect(try faulty.committedFiles(version) == version.files, "call \(nth)")
            #expect(try faulty.list(StorePaths.staging).isEmpty, "call \(nth)")
        }
        #expect(nth > 15)
    }

    /// What a publisher leaves, made anew where a file is missing.
    private func stage(_ version: TestVersion, as name: String, in files: any StoreFileSystem) throws {
        for (path, bytes) in version.files {
            let place = try StorePaths.inStaging(name).appending("default/\(path)")
            if try files.exists(place) { continue }
            try files.makeDirectory(#require(place.parent), mode: 0o750)
            let file = try files.create(place, reserving: 0, mode: 0o640)
            try file.write(bytes, at: 0)
            try file.setMode(0o440)
        }
    }
}
