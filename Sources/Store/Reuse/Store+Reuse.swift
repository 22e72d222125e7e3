internal import EventLoop
internal import Files
public import Manifest
public import Units

/// Taking from files that are here what a new version shares with them, before the first request.
extension Store {
    /// Shares blocks where the disk can, then reserves the space of what is left, then copies what could not be shared;
    /// all of it is hashed in its new place.
    ///
    /// - Parameter folders: folders of the user's to take from, beside the complete versions here.
    /// - Returns: the chunks that were taken.
    /// - Throws: `.diskFull` before anything is written that takes space.
    func reuse(
        _ missing: ChunkSet, in assembly: Assembly, for entry: VariantEntry, folders: [String] = [],
        cutAs chunking: ChunkingParameters? = nil
    ) async throws(StoreError) -> [ChunkIndex] {
        let (map, variants, fileSystem) = (assembly.map, reuseVariants, fileSystem)
        // The first version of a node has nowhere to look.
        guard !missing.isEmpty, !(variants.isEmpty && folders.isEmpty) else {
            try await onPool { () throws(StoreError) in try assembly.reserveSpace(except: [:]) }
            return []
        }
        let wanted = await onPool { WantedChunks(missing, of: map.layout) }
        var outside: [ReuseFile] = []
        if let chunking { outside = try await outsideFiles(folders, cutAs: chunking, wanted, entry) }
        let (sources, plan) = await onPool { [outside] in
            let sources = variants.sources(wanted, for: map) + outside
            return (sources, ReusePlan(missing, of: map, sources: sources))
        }
        var steps: [ReuseStep] = []
        for run in plan.runs where !entry.isRemoved {
            steps.append(
                await onPool {
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
        return await copy(steps, from: sources, in: assembly, for: entry)
    }

    /// What a fetch that begins now would take from here, from others and of the disk.
    public func plan(
        _ manifest: Verified<Manifest>, _ layout: Layout, variant: VariantName
    ) async throws(StoreError) -> FetchPlan {
        let (body, variants, fileSystem, shares) = (manifest.value, reuseVariants, fileSystem, sharesBlocks)
        let key = VariantKey(version: manifest.digest, variant: variant)
        return try await onPool { () throws(StoreError) in
            let map = try ChunkMap(key: key, manifest: body, layout: layout)
            let sources = variants.sources(WantedChunks(map.needed, of: layout), for: map)
            let plan = ReusePlan(map.needed, of: map, sources: sources)
            var there: Int64 = 0
            for file in map.files {
                let path = StorePaths.file(file.path, in: StorePaths.assembly(key))
                let status = try doing("begin fetch") { () throws(FileError) in try fileSystem.statusIfPresent(path) }
                there += status?.allocatedByteCount.value ?? 0
            }
            let shared = shares ? plan.shareableByteCount : 0
            return FetchPlan(
                byteCount: map.byteCount, distinctByteCount: map.distinctByteCount,
                reusedByteCount: layout.byteCount(of: plan.foundEverywhere),
                spaceByteCount: ByteCount(max(0, map.byteCount.value - max(shared, there))))
        }
    }

    /// Two runs at a time, since hashing takes longer than copying.
    private func copy(
        _ steps: [ReuseStep], from sources: [ReuseFile], in assembly: Assembly, for entry: VariantEntry
    ) async -> [ChunkIndex] {
        var tally = ReuseTally(map: assembly.map)
        let fileSystem = fileSystem
        await withTaskGroup(of: (ReuseRun, [Bool]).self) { group in
            var waiting = steps.makeIterator()
            func start(_ step: ReuseStep) {
                group.addTask {
                    let source = sources[step.run.source]
                    return (
                        step.run, await onPool { step.copyAndCheck(from: source, in: assembly, fileSystem) }
                    )
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

    private var reuseVariants: [ReuseVariant] {
        allEntries.compactMap { entry in
            guard entry.record != nil, let map = entry.map, let available = entry.available else { return nil }
            return ReuseVariant(map: map, folder: entry.folder(map), available: available)
        }
    }
}

extension [ReuseVariant] {
    /// Files in which something of a variant lies. Blocks.
    fileprivate func sources(_ wanted: WantedChunks, for map: ChunkMap) -> [ReuseFile] {
        let digests = Set(map.files.map(\.digest))
        return flatMap { $0.files(wanted, digests: digests) }
    }
}

/// Which chunks are right at all the places that they have in the variant. A chunk that was found for some of them only
/// is still missing.
private struct ReuseTally {
    private(set) var taken: [ChunkIndex] = []
    private let map: ChunkMap
    private var placesLeft: [ChunkIndex: Int] = [:]

    init(map: ChunkMap) { self.map = map }

    /// True if that was the chunk's last place, and all were right.
    mutating func note(_ chunk: ChunkIndex, isRight: Bool) -> Bool {
        let left = (placesLeft[chunk] ?? map.places(of: chunk).count) - 1
        // One that is wrong at a place can never be done.
        placesLeft[chunk] = isRight ? left : .max
        if left == 0, isRight { taken.append(chunk) }
        return left == 0 && isRight
    }
}
