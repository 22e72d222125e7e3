import ArgumentParser
import Glibc

/// The little of the system that this tool needs.
enum OutputFile {
    /// Writes a whole file, in place of what was there.
    static func write(_ text: String, to path: String) throws {
        guard let file = unsafe fopen(path, "w") else {
            throw ValidationError("\(path) cannot be written: \(unsafe String(cString: strerror(errno)))")
        }
        let bytes = Array(text.utf8)
        let count = unsafe fwrite(bytes, 1, bytes.count, file)
        let isClosed = unsafe fclose(file) == 0
        guard count == bytes.count, isClosed else {
            throw ValidationError("\(path) was not written in full; is the disk full?")
        }
    }

    /// A line on stderr.
    static func complain(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        unsafe _ = Glibc.write(2, bytes, bytes.count)
    }

    /// The most memory that this process had.
    static var residentByteCountPeak: Int {
        var usage = rusage()
        guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        return usage.ru_maxrss * 1024
    }
}
