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

    func stage() async throws -> StagedVersion { try await publisher.stage(PublishPlan.scan(source.path)) }
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
    private static let size = Limits.chunkByteCountMin
    private static let files: [String: [UInt8]] = [
        "empty": [], "one": [1], "less": noise(size - 1, seed: 1), "exact": noise(size, seed: 2),
        "sub/more": noise(size + 1, seed: 3), "sub/same": noise(size + 1, seed: 3),
    ]

    @Test @LoopActor func stagedFilesAreCutAndHashed() async throws {
        let publication = try await Publication(Self.files)
        var progress: [ByteCount] = []
        let plan = try PublishPlan.scan(publication.source.path)
        let staged = try await publication.publisher.stage(plan) { progress.append($0) }
        let files = try #require(staged.variants.first?.files)
        #expect(staged.variants.map(\.name) == [.default])
        #expect(files.map(\.path.text) == ["empty", "exact", "less", "one", "sub/more", "sub/same"])
        for file in files { #expect(file.digest == SHA256.hash(Self.files[file.path.text] ?? [])) }
        #expect(staged.chunking == .fixed(UInt32(Self.size)))
        // exact, less, one, and two of sub/more, which sub/same shares.
        #expect(staged.layout.chunkCount == 5)
        #expect(Array(staged.layout.chunks(ofFile: 5)) == Array(staged.layout.chunks(ofFile: 4)))
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
        let staged = try await publisher.stage(PublishPlan.scan(source.path))
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
        let error = await #expect(throws: StoreError.self) { try await publication.publisher.stage(plan) }
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
            try await Publisher.areEqual(PublishPlan.scan(publication.source.path), variant)
        }
        #expect(try await isEqual())
        try publication.source.write("one", [2])
        #expect(try await !isEqual())
        try publication.source.write("one", [1])
        #expect(try await isEqual())
        try publication.source.write("two", [])
        #expect(try await !isEqual())
    }

    @Test @LoopActor func aSparseFileBeyondFourGibibytesHasTheRightCuts() async throws {
        let cuts = FixedCuts(fileByteCount: ByteCount((4 << 30) + 5), chunkByteCount: ByteCount(4 << 20))
        #expect(cuts.count == 1_025)
        let source = try TemporaryFolder()
        let path = "\(source.path)/large"
        let file = try RealFileSystem(folder: source.path).create("large", reserving: 0, mode: 0o600)
        try file.write([1, 2, 3, 4], at: ByteOffset((4 << 30) + 1))
        let plan = try PublishPlan.scan(path)
        #expect(plan.byteCount.value == (4 << 30) + 5)
        #expect(ChunkSize.forVersion(of: plan.byteCount).value == 4 << 20)
        let last = try #require(cuts.last)
        #expect(last.offset.value == 4 << 30)
        #expect(try OutsideFile(path: path).read(byteCount: 5, at: last.offset) == [0, 1, 2, 3, 4])
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
        #expect(bytes == Array(noise(200_000, seed: 1)[16_384..<16_484]))
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
        let again = try await publisher.stage(PublishPlan.scan(publication.source.path))
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
