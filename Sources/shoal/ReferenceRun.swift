import Control
import EventLoop
import Files
import Glibc
import Handoff
import Manifest
import Units

/// Makes the expected outputs of a calibration: a reference process is started for it, loads the files over a hand-off
/// socket of this command's own, and runs the inputs.
@LoopActor
final class ReferenceRun {
    /// Where the outputs are, until `remove()`.
    nonisolated var outputs: String { folder + "/outputs.safetensors" }

    private nonisolated let folder: String
    private let command: String
    private let model: ModelName
    private let bell = Bell()
    private var server: HandoffServer?
    private var child: ChildProcess?
    private var childEnd: ChildProcess.End?
    private var process: HandoffInstance?
    private var isLoaded = false
    private var samples: Int?
    private var failure: String?
    private var lastLine = ""

    private static let digest = Digest(exactly: Array(repeating: 0, count: Digest.byteCount))

    /// - Parameter command: for `/bin/sh`, with `SHOAL_SOCKET` and `SHOAL_MODEL` in its environment.
    /// - Throws: if there is no room for the socket and the outputs.
    nonisolated init(command: String, model: ModelName) throws(ControlError) {
        self.command = command
        self.model = model
        let base = Environment.value("TMPDIR") ?? "/tmp"
        var template = Array("\(base)/shoal-record-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw ControlError(
                .failed, "no folder can be made in \(base)", hint: "Set TMPDIR to one that can be written.")
        }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Runs the inputs on the files of a folder, and ends the process.
    func record(_ inputs: String, on files: String) async throws(ControlError) {
        defer { end() }
        try start()
        try await wait(Limits.referenceStartSeconds, "to connect to $SHOAL_SOCKET") { self.process != nil }
        guard let process else { return }
        let load = HandoffLoad(digest: Self.digest, tag: nil, path: try Self.absolute(files))
        server?.load(process, load)
        try await wait(Limits.rolloutLoadSecondsDefault, "to load \(files)") { self.isLoaded }
        let calibration = HandoffCalibration(
            digest: Self.digest, inputs: try Self.absolute(inputs), outputs: outputs, beside: nil,
            deadline: .seconds(Limits.referenceRunSeconds))
        server?.calibrate(process, calibration)
        try await wait(Limits.referenceRunSeconds, "to run \(inputs)") { self.samples != nil }
    }

    /// The outputs are published, or not needed.
    nonisolated func remove() {
        guard let files = try? RealFileSystem(folder: folder) else { return }
        for entry in (try? files.list(.root)) ?? [] {
            if let path = try? StorePath(parsing: entry.name) { try? files.remove(path) }
        }
        unsafe _ = rmdir(folder)
    }

    private func start() throws(ControlError) {
        let socket = folder + "/handoff.sock"
        do throws(LoopError) {
            server = try HandoffServer(path: socket, allow: HandoffRule.defaults(agentUserID: geteuid())) {
                [weak self] in
                self?.take($0)
            }
            let environment = ["SHOAL_SOCKET": socket, "SHOAL_MODEL": model.text]
            child = try ChildProcess(.init(["/bin/sh", "-c", command], environment: environment)) { [weak self] in
                self?.note(line: $1)
            } onEnd: { [weak self] in
                self?.childEnd = $0
                self?.bell.ring()
            }
        } catch {
            throw ControlError(.failed, "the reference process cannot be started: \(error)")
        }
    }

    private func note(line: String) { if !line.isEmpty { lastLine = line } }

    private func take(_ event: HandoffEvent) {
        switch event {
        case .attached(let instance, let hello):
            if hello.canCalibrate { process = instance } else { failure = "it cannot run calibrations" }
        case .loaded: isLoaded = true
        case .calibrated(_, _, let report): samples = report.sampleCount
        case .loadFailed(_, _, let why), .calibrationFailed(_, _, let why), .refused(_, let why): failure = "\(why)"
        case .detached(_, _, let reason): failure = reason
        default: break
        }
        bell.ring()
    }

    private func wait(
        _ seconds: Int, _ what: String, until isThere: @LoopActor () -> Bool
    ) async throws(ControlError) {
        let deadline = Clock.now() + .seconds(seconds)
        while !isThere() {
            if let failure { throw fault(failure) }
            if let childEnd { throw fault("\(childEnd)") }
            guard Clock.now() < deadline else { throw fault("it took more than \(seconds) s \(what)") }
            await bell.wait(atMost: deadline - Clock.now())
        }
    }

    private func fault(_ why: String) -> ControlError {
        ControlError(
            .gateFailed, "the reference process: \(why)",
            hint: lastLine.isEmpty ? "Run it by hand first: \(command)" : "It said last: \(lastLine)")
    }

    private func end() {
        server?.close()
        child?.signal(SIGTERM, wholeGroup: true)
    }

    private static func absolute(_ path: String) throws(ControlError) -> String {
        guard let resolved = unsafe realpath(path, nil) else { throw ControlError(.notFound, "there is no \(path)") }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
