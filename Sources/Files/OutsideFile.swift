internal import CLinux
internal import Glibc
public import Units

/// A file of the user's, anywhere, opened for reading; what `StoreFileSystem.copy` takes in. Links are followed.
public final class OutsideFile: ReadableFile {
    /// The path as it was given.
    public let path: String
    let descriptor: Descriptor

    /// - Throws: `.notFound`, `.permission`, `.wrongKind` for anything but a regular file.
    public init(path: String) throws(FileError) {
        // O_NONBLOCK: a queue must not wait for its writer.
        let number = try call(Subject(.open, path)) { unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        descriptor = Descriptor(number)
        self.path = path
        try descriptor.requireFile(Subject(.open, path))
    }

    /// See ``ReadableFile``.
    public func status() throws(FileError) -> FileStatus { try descriptor.status(Subject(.status, path)) }

    /// See ``ReadableFile``.
    public func read(into buffer: inout [UInt8], _ range: Range<Int>, at offset: ByteOffset) throws(FileError) {
        try descriptor.read(into: &buffer, range, at: offset, Subject(.read, path))
    }

    /// Whether it is on a disk of this machine whose files can share blocks.
    public var isOnBlockSharingDisk: Bool { clinux_is_on_block_sharing_disk(descriptor.number) == 1 }

    /// The file's first bytes, as many as there are up to a bound; also of files of the kernel's, which have no size.
    public func readStart(byteCountMax: Int) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCountMax)
        var done = 0
        while done < byteCountMax {
            let count = try call(Subject(.read, path)) {
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                    return unsafe pread(descriptor.number, rest.baseAddress, rest.count, done)
                }
            }
            if count == 0 { break }
            done += count
        }
        return Array(bytes.prefix(done))
    }

    /// What is in a folder of the user's, sorted by name. The kind of a link is what it leads to, `.link` if nothing.
    public static func list(folder: String) throws(FileError) -> [DirectoryEntry] {
        let number = try call(Subject(.list, folder)) {
            unsafe Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        var entries: [DirectoryEntry] = []
        for entry in try Descriptor(number).list(Subject(.list, folder)) {
            var kind = entry.kind
            var status = stat()
            if kind == .link, unsafe stat("\(folder)/\(entry.name)", &status) == 0 {
                let type = status.st_mode & S_IFMT
                kind = type == S_IFREG ? .file : type == S_IFDIR ? .directory : .other
            }
            entries.append(DirectoryEntry(name: entry.name, kind: kind))
        }
        return entries
    }
}
