internal import Glibc

/// Files that processes of this machine have mapped into their memory.
public enum MappedFiles {
    /// Their absolute paths below a folder, of those processes that this one may look into: its user's, or all if it is
    /// root. Blocks.
    /// - Parameter folder: with a slash at its end.
    public static func paths(below folder: String) -> Set<String> {
        var found: Set<String> = []
        for process in (try? OutsideFile.list(folder: "/proc")) ?? [] where process.name.allSatisfy(\.isNumber) {
            found.formUnion(paths(mappedBy: process.name).filter { $0.hasPrefix(folder) })
        }
        return found
    }

    /// The lines of `maps` end in a path, after five fields and blanks.
    private static func paths(mappedBy process: String) -> Set<String> {
        guard let stream = unsafe fopen("/proc/\(process)/maps", "re") else { return [] }
        defer { _ = unsafe fclose(stream) }
        var found: Set<String> = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { unsafe free(line) }
        while unsafe getline(&line, &capacity, stream) > 0 {
            guard let text = unsafe line.map({ unsafe String(cString: $0) }), let start = text.firstIndex(of: "/")
            else {
                continue
            }
            found.insert(String(text[start...].prefix { $0 != "\n" }))
        }
        return found
    }
}
