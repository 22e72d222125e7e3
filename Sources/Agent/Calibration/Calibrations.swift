internal import EventLoop
internal import Files
internal import Handoff
internal import Logging
internal import Manifest
internal import Rollout
internal import Store
internal import Units

/// Calibrations under way: where each process writes its outputs, and what they are compared with.
///
/// A process gets a folder of its own for each run, below the folder of the hand-off socket, since it may write nowhere
/// else. What an earlier run of the agent left in a folder goes before it is used again.
@LoopActor
final class Calibrations {
    private struct Run: Sendable {
        let folder: StorePath
        let expected: String
        let gates: Gates
        let request: HandoffCalibration
        /// When this measurement began, and how many there were with it.
        let began: Instant
        let count: Int
    }

    private var runs: [HandoffInstance: Run] = [:]
    /// Runs of which the outputs are being compared; one that is ended meanwhile is not begun again.
    private var judging: Set<HandoffInstance> = []
    private var runCount = 0
    private let files: RealFileSystem
    private let statePath: String
    private let store: Store
    private let library: Library
    private let log: Logger
    private nonisolated static let root: StorePath = "handoff/outputs"
    private nonisolated static let fileName = "outputs.safetensors"

    init(statePath: String, store: Store, library: Library, log: Logger) throws(FileError) {
        files = try RealFileSystem(folder: statePath)
        self.statePath = statePath
        self.store = store
        self.library = library
        self.log = log
    }

    /// Makes the folder for the outputs.
    func begin(
        _ version: RolloutVersion, on instance: HandoffInstance, beside: Digest?, within deadline: Duration
    ) async throws -> HandoffCalibration {
        await end(instance)
        let key = VariantKey(version: version.digest, variant: version.variant)
        guard let folder = store.committed(key)?.folder, let manifest = library.entries[version.digest]?.manifest,
            let gates = try? Gates(manifest.value.gates), let paths = gates.calibration
        else { throw StoreError(.notFound, "calibrate", of: "\(key)", "it is not complete here any more") }
        runCount += 1
        let place = try Self.root.appending("\(runCount)")
        let files = files
        try await ThreadPool.run {
            try Self.makeShared(Self.root, in: files)
            try Self.empty(place, in: files)
            try Self.makeShared(place, in: files)
        }
        let request = HandoffCalibration(
            digest: version.digest, inputs: "\(folder)/\(paths.inputs)",
            outputs: "\(statePath)/\(place)/\(Self.fileName)", beside: beside, deadline: deadline)
        runs[instance] = Run(
            folder: place, expected: "\(folder)/\(paths.outputs)", gates: gates, request: request, began: Clock.now(),
            count: 1)
        return request
    }

    /// What became of a calibration.
    enum Outcome {
        case passed
        case failed(RolloutFault)
        /// It was slow, perhaps because the node was busy: to be run once more.
        case again(HandoffCalibration)
    }

    /// Compares what the process wrote with what its publisher expects, and deletes it. A candidate that is too slow is
    /// measured up to three times, as far as the deadline allows: the best counts.
    func judge(_ report: HandoffCalibrationReport, on instance: HandoffInstance) async -> Outcome {
        // Taken out: a later run of the same process is none of this one's business.
        guard let run = runs.removeValue(forKey: instance) else {
            return .failed(RolloutFault("the calibration was given up", isTheVersions: false))
        }
        judging.insert(instance)
        defer { judging.remove(instance) }
        switch await verdict(report, run) {
        case .passed:
            await remove(run.folder)
            return .passed
        case .failed(let fault):
            await remove(run.folder)
            return .failed(fault)
        case .slow(let fault):
            guard let again = await again(run, on: instance) else {
                await remove(run.folder)
                return .failed(fault)
            }
            return .again(again)
        }
    }

    private func again(_ run: Run, on instance: HandoffInstance) async -> HandoffCalibration? {
        let taken = Clock.now() - run.began
        let left = run.request.deadline - taken
        guard run.count < Limits.calibrationMeasurementCountMax, left > taken else { return nil }
        let files = files
        do {
            try await ThreadPool.run { try files.remove(run.folder.appending(Self.fileName)) }
        } catch {
            return nil
        }
        let request = HandoffCalibration(
            digest: run.request.digest, inputs: run.request.inputs, outputs: run.request.outputs,
            beside: run.request.beside, deadline: left)
        guard runs[instance] == nil, judging.contains(instance) else { return nil }
        runs[instance] = Run(
            folder: run.folder, expected: run.expected, gates: run.gates, request: request, began: Clock.now(),
            count: run.count + 1)
        return request
    }

    private func verdict(_ report: HandoffCalibrationReport, _ run: Run) async -> CalibrationVerdict {
        let files = files
        do {
            return try await ThreadPool.run { Self.judge(report, run, in: files) }
        } catch {
            return .failed(RolloutFault("\(error)", isTheVersions: false))
        }
    }

    private nonisolated static func judge(
        _ report: HandoffCalibrationReport, _ run: Run, in files: RealFileSystem
    ) -> CalibrationVerdict {
        let expected: OutsideFile
        do {
            expected = try OutsideFile(path: run.expected)
        } catch {
            return .failed(RolloutFault("the expected outputs cannot be read: \(error)", isTheVersions: false))
        }
        do {
            let outputs = try files.open(try run.folder.appending(fileName), for: .reading)
            return CalibrationJudge.verdict(expected: expected, actual: outputs, report, run.gates)
        } catch {
            return .failed(RolloutFault("the process left no outputs: \(error)", isTheVersions: true))
        }
    }

    /// What a process wrote is not needed any more.
    func end(_ instance: HandoffInstance) async {
        judging.remove(instance)
        if let run = runs.removeValue(forKey: instance) { await remove(run.folder) }
    }

    private func remove(_ folder: StorePath) async {
        let files = files
        do {
            try await ThreadPool.run { try Self.empty(folder, in: files) }
        } catch {
            log.warning("a calibration's outputs could not be deleted: \(error)")
        }
    }

    /// What it says that it holds, against the version's gate.
    func fault(ofMemory memory: ByteCount?, of digest: Digest) -> RolloutFault? {
        guard let manifest = library.entries[digest]?.manifest, let gates = try? Gates(manifest.value.gates) else {
            return nil
        }
        return CalibrationJudge.fault(ofMemory: memory, gates).map { RolloutFault($0, isTheVersions: true) }
    }

    /// The group of the hand-off folder may write there.
    private nonisolated static func makeShared(_ path: StorePath, in files: RealFileSystem) throws {
        do throws(FileError) {
            try files.makeDirectory(path, mode: 0o770)
        } catch {
            guard error.code == .exists else { throw error }
        }
        try files.setMode(path, 0o770)
    }

    /// Deletes a run's folder, with whatever files a process put there.
    private nonisolated static func empty(_ path: StorePath, in files: RealFileSystem) throws {
        let entries: [DirectoryEntry]
        do throws(FileError) {
            entries = try files.list(path)
        } catch {
            if error.code == .notFound { return }
            throw error
        }
        for entry in entries { try files.remove(try path.appending(entry.name)) }
        try files.removeDirectory(path)
    }
}
