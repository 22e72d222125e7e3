internal import CLinux
internal import Glibc
internal import Units

/// An open file on a disk.
final class RealFile: StoreFile {
    let path: StorePath
    let descriptor: Descriptor

    init(_ path: StorePath, _ descriptor: Descriptor) {
        self.path = path
        self.descriptor = descriptor
    }

    func status() throws(FileError) -> FileStatus { try descriptor.status(Subject(.status, path)) }

    func read(into buffer: inout [UInt8], _ range: Range<Int>, at offset: ByteOffset) throws(FileError) {
        try descriptor.read(into: &buffer, range, at: offset, Subject(.read, path))
    }

    /// All of it by one system call.
    func read(
        into buffer: inout [UInt8], _ parts: BufferParts, byteCount: Int, at offset: ByteOffset
    ) throws(FileError) {
        precondition(byteCount >= 0 && parts.end(of: byteCount) <= buffer.count, "\(parts) in \(buffer.count) bytes")
        guard byteCount > 0 else { return }
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            let start = unsafe bytes.baseAddress.map { unsafe $0 + parts.first }
            return unsafe clinux_read_parts(
                descriptor.number, start, parts.byteCount, parts.stride, byteCount, offset.value)
        }
        let count = Int(try check(result, Subject(.read, path)))
        guard count < byteCount else { return }
        let end = offset.value + Int64(count)
        let wanted = offset.value + Int64(byteCount)
        throw FileError(.truncated, .read, "\(path)", "it ends at byte \(end), before \(wanted)")
    }

    func write(_ bytes: borrowing RawSpan, at offset: ByteOffset) throws(FileError) {
        let failure: Int32? = unsafe bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[written...])
                let count = unsafe pwrite(descriptor.number, rest.baseAddress, rest.count, Int(offset.value) + written)
                if count > 0 {
                    written += count
                } else if count == 0 {
                    return EIO
                } else if errno != EINTR {
                    return errno
                }
            }
            return nil
        }
        if let failure { throw FileError(errno: failure, .write, "\(path)") }
    }

    func truncate(to byteCount: ByteCount) throws(FileError) {
        try call(Subject(.truncate, path)) { ftruncate(descriptor.number, Int(byteCount.value)) }
    }

    func synchronize() throws(FileError) { try call(Subject(.synchronize, path)) { fsync(descriptor.number) } }

    func setMode(_ mode: UInt32) throws(FileError) {
        try call(Subject(.setMode, path)) { fchmod(descriptor.number, mode) }
    }
}

extension Descriptor {
    func status(_ subject: Subject) throws(FileError) -> FileStatus {
        var status = stat()
        try call(subject) { unsafe fstat(number, &status) }
        let kind: FileKind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .link
            default: .other
            }
        return FileStatus(
            kind: kind, byteCount: ByteCount(status.st_size),
            modifiedNanoseconds: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
            changedNanoseconds: Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec),
            allocatedByteCount: ByteCount(Int64(status.st_blocks) * 512),
            mode: status.st_mode & 0o7777, userID: status.st_uid, groupID: status.st_gid)
    }

    func read(
        into buffer: inout [UInt8], _ range: Range<Int>, at offset: ByteOffset, _ subject: Subject
    ) throws(FileError) {
        precondition(buffer.indices.contains(range), "a read of \(range) into \(buffer.count) bytes")
        var done = 0
        while done < range.count {
            let count = try call(subject) {
                unsafe buffer.withUnsafeMutableBytes { bytes in
                    let rest = unsafe UnsafeMutableRawBufferPointer(
                        rebasing: bytes[(range.lowerBound + done)..<range.upperBound])
                    return unsafe pread(number, rest.baseAddress, rest.count, Int(offset.value) + done)
                }
            }
            guard count > 0 else {
                throw FileError(
                    .truncated, subject.operation, subject.path,
                    "it ends at byte \(Int(offset.value) + done), before \(Int(offset.value) + range.count)")
            }
            done += count
        }
    }

    /// Refuses folders, sockets, devices and queues.
    func requireFile(_ subject: Subject) throws(FileError) {
        guard try status(subject).kind == .file else {
            throw FileError(.wrongKind, subject.operation, subject.path, "it is not a regular file")
        }
    }

    /// Names in a folder, sorted, without `.` and `..`.
    func list(_ subject: Subject) throws(FileError) -> [DirectoryEntry] {
        // fdopendir takes the descriptor over, so it gets one of its own.
        let own = try call(subject) { unsafe openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard let stream = unsafe fdopendir(own) else {
            let failure = errno
            close(own)
            throw FileError(errno: failure, subject.operation, subject.path)
        }
        defer { unsafe closedir(stream) }
        var entries: [DirectoryEntry] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            entries.append(DirectoryEntry(name: name, kind: try kind(unsafe entry.pointee.d_type, name, subject)))
        }
        if errno != 0 { throw FileError(errno: errno, subject.operation, subject.path) }
        return entries.sorted { $0.name < $1.name }
    }

    private func kind(_ type: UInt8, _ name: String, _ subject: Subject) throws(FileError) -> FileKind {
        switch Int(type) {
        case Int(DT_REG): return .file
        case Int(DT_DIR): return .directory
        case Int(DT_LNK): return .link
        case Int(DT_UNKNOWN): break  // some file systems do not say
        default: return .other
        }
        let found = unsafe try check(clinux_open_beneath(number, name, clinux_access_path, 0), subject)
        return try Descriptor(found).status(subject).kind
    }
}
