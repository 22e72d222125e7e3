import EventLoop
import Glibc
import Units

/// Which processes an adapter started, durably enough for the next agent: one that was killed leaves them running, with
/// the memory and the ports that their successors need.
///
/// A process is known by its number and the time at which it began, so that no stranger is taken for it.
@LoopActor final class OrphanBook {
    /// The path in front of each number.
    private let prefix: String
    private var isChecked = false

    init(prefix: String) { self.prefix = prefix }

    /// Written at once, and not synchronized: a power cut ends the process, too.
    func add(_ process: Int32) async {
        let path = prefix + String(process)
        _ = try? await ThreadPool.run {
            guard let start = Self.startTime(of: process) else { return }
            unsafe _ = unlink(path)
            unsafe _ = symlink(start, path)
        }
    }

    func remove(_ process: Int32) {
        let path = prefix + String(process)
        ThreadPool.run({ unsafe _ = unlink(path) }, then: { _ in })
    }

    /// Ends what an agent before left, the first time: asked first, then made to.
    func end(within time: Duration) async {
        guard !isChecked else { return }
        isChecked = true
        let prefix = prefix
        let left = (try? await ThreadPool.run { Self.living(prefix) }) ?? []
        guard !left.isEmpty else { return }
        for process in left { kill(process, SIGTERM) }
        let deadline = Clock.now() + time
        while Clock.now() < deadline, left.contains(where: { kill($0, 0) == 0 }) {
            await pause(.milliseconds(50))
        }
        for process in left { kill(-process, SIGKILL) }
    }

    /// Those that still run; the words about all are forgotten.
    private nonisolated static func living(_ prefix: String) -> [Int32] {
        let (folder, begin) = LinkText.split(prefix)
        guard let list = unsafe opendir(folder) else { return [] }
        defer { unsafe _ = closedir(list) }
        var found: [Int32] = []
        while let entry = unsafe readdir(list) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(begin), let process = Int32(name.dropFirst(begin.count)) else {
                continue
            }
            let path = "\(folder)/\(name)"
            if let start = try? LinkText.read(path), start == startTime(of: process) {
                found.append(process)
            }
            unsafe _ = unlink(path)
        }
        return found
    }

    /// In ticks since the machine started, as the kernel writes it; nil if there is no such process.
    private nonisolated static func startTime(of process: Int32) -> String? {
        let file = unsafe open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { _ = close(file) }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
        guard count > 0 else { return nil }
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        // The name in brackets may hold anything; the field is the 22nd.
        guard let bracket = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        return fields.count > 19 ? String(fields[19]) : nil
    }
}
