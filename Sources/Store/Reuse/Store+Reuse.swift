internal import EventLoop
internal import Files
public import Manifest
public import Units

/// Taking from files that are here what a new version shares with them, before the first request.
extension Store {
    /// Shares blocks where the disk can, then reserves the space of what is left, then copies what could not be shared;
    /// all of it is hashed in its new place.
    ///
    /// - Parameter outside: files beside those of the complete versions here.
    /// - Returns: the chunks that were taken.
    /// - Throws: `.diskFull` before anything is written that takes space.
    func reuse(
        _ missing: ChunkSet, in assembly: Assembly, for entry: VariantEntry, outside: [ReuseFile] = []
    ) async throws(StoreError) -> [ChunkIndex] {
        let (sources, fileSystem) = (reuseSources + outside, fileSystem)
        let plan = try await onPool { () throws(StoreError) in
            ReusePlan(missing, of: assembly.map, sources: sources)
        }
        var steps: [ReuseStep] = []
        for run in plan.runs where !entry.isRemoved {
            steps.append(
                try await onPool { () throws(StoreError) in
                    var step = ReuseStep(run)
                    step.shareBlocks(of: sources[run.source], in: assembly, fileSystem)
                    return step
                })
        }
        let shared = steps.reduce(into: [Int: [Range<Int64>]]()) { shared, step in
            guard let part = step.sharedPart else { return }
            shared[step.run.file, default: []].append(part)
        }
        try await onPool { () throws(StoreError) in try assembly.reserveSpace(except: shared) }
        return await copy(steps, from: sources, in: assembly, for: entry, placeCounts: plan.placeCounts)
    }

    /// What a fetch that begins now will write to the disk: the variant without what shares blocks with versions here,
    /// and without what an earlier run has written.
    public func spaceNeeded(
        _ manifest: Verified<Manifest>, _ layout: Layout, variant: VariantName
    ) async throws(StoreError) -> ByteCount {
        let (body, sources, fileSystem, shares) = (manifest.value, reuseSources, fileSystem, sharesBlocks)
        let key = VariantKey(version: manifest.digest, variant: variant)
        return try await onPool { () throws(StoreError) in
            let map = try ChunkMap(key: key, manifest: body, layout: layout)
            let shared = shares ? ReusePlan(map.needed, of: map, sources: sources).shareableByteCount : 0
            var there: Int64 = 0
            for file in map.files {
                let path = StorePaths.file(file.path, in: StorePaths.assembly(key))
                let status = try doing("begin fetch") { () throws(FileError) in try fileSystem.statusIfPresent(path) }
                there += status?.allocatedByteCount.value ?? 0
            }
            return ByteCount(max(0, map.byteCount.value - max(shared, there)))
        }
    }

    /// Two runs at a time, since hashing takes longer than copying.
    private func copy(
        _ steps: [ReuseStep], from sources: [ReuseFile], in assembly: Assembly, for entry: VariantEntry,
        placeCounts: [ChunkIndex: Int]
    ) async -> [ChunkIndex] {
        var tally = ReuseTally(placesLeft: placeCounts)
        let fileSystem = fileSystem
        await withTaskGroup(of: (ReuseRun, [Bool]).self) { group in
            var waiting = steps.makeIterator()
            func start(_ step: ReuseStep) {
                group.addTask {
                    (step.run, await step.checked(sources[step.run.source], in: assembly, fileSystem))
                }
            }
            for _ in 0..<Limits.parallelSweepCount { if let step = waiting.next() { start(step) } }
            while let (run, areRight) = await group.next() {
                for (chunk, isRight) in zip(run.chunks, areRight) where tally.note(chunk, isRight: isRight) {
                    assembly.noteLocal(chunk)
                }
                if !entry.isRemoved, let step = waiting.next() { start(step) }
            }
        }
        return tally.taken
    }

    private var reuseSources: [ReuseFile] {
        allEntries.flatMap { entry -> [ReuseFile] in
            guard entry.record != nil, let map = entry.map, let available = entry.available else { return [] }
            return map.reuseFiles(in: entry.folder(map), available: available)
        }
    }
}

/// Which chunks are right at all their places.
private struct ReuseTally {
    private(set) var taken: [ChunkIndex] = []
    private var placesLeft: [ChunkIndex: Int]

    init(placesLeft: [ChunkIndex: Int]) { self.placesLeft = placesLeft }

    /// True if that was the chunk's last place, and all were right.
    mutating func note(_ chunk: ChunkIndex, isRight: Bool) -> Bool {
        guard isRight, let left = placesLeft[chunk] else {
            placesLeft[chunk] = nil
            return false
        }
        placesLeft[chunk] = left - 1
        if left == 1 { taken.append(chunk) }
        return left == 1
    }
}

extension ReuseStep {
    @LoopActor fileprivate func checked(
        _ source: ReuseFile, in assembly: Assembly, _ fileSystem: any StoreFileSystem
    ) async -> [Bool] {
        await withCheckedContinuation { continuation in
            ThreadPool.run(
                { copyAndCheck(from: source, in: assembly, fileSystem) },
                then: { continuation.resume(returning: $0) })
        }
    }
}
