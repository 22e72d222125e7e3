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
    }

    private var runs: [HandoffInstance: Run] = [:]
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
        runs[instance] = Run(folder: place, expected: "\(folder)/\(paths.outputs)", gates: gates)
        return HandoffCalibration(
            digest: version.digest, inputs: "\(folder)/\(paths.inputs)",
            outputs: "\(statePath)/\(place)/\(Self.fileName)", beside: beside, deadline: deadline)
    }

    /// Compares what the process wrote with what its publisher expects, and deletes it.
    func judge(_ report: HandoffCalibrationReport, on instance: HandoffInstance) async -> RolloutFault? {
        // Taken out: a later run of the same process is none of this one's business.
        guard let run = runs.removeValue(forKey: instance) else {
            return RolloutFault("the calibration was given up", isTheVersions: false)
        }
        let fault = await verdict(report, run)
        await remove(run.folder)
        return fault
    }

    private func verdict(_ report: HandoffCalibrationReport, _ run: Run) async -> RolloutFault? {
        let files = files
        do {
            return try await ThreadPool.run { Self.judge(report, run, in: files) }
        } catch {
            return RolloutFault("\(error)", isTheVersions: false)
        }
    }

    private nonisolated static func judge(
        _ report: HandoffCalibrationReport, _ run: Run, in files: RealFileSystem
    ) -> RolloutFault? {
        let expected: OutsideFile
        do {
            expected = try OutsideFile(path: run.expected)
        } catch {
            return RolloutFault("the expected outputs cannot be read: \(error)", isTheVersions: false)
        }
        do {
            let outputs = try files.open(try run.folder.appending(fileName), for: .reading)
            return CalibrationJudge.fault(expected: expected, actual: outputs, report, run.gates)
        } catch {
            return RolloutFault("the process left no outputs: \(error)", isTheVersions: true)
        }
    }

    /// What a process wrote is not needed any more.
    func end(_ instance: HandoffInstance) async {
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
