internal import CLinux
internal import Glibc
internal import Units

/// Space, and bytes of other files.
extension RealFile {
    func reserve(_ byteCount: ByteCount, at offset: ByteOffset) throws(FileError) {
        let subject = Subject(.reserve, path)
        // Some disks give all that they have before they refuse, and nobody else could write meanwhile: what cannot fit
        // is refused before the first byte.
        let room = try descriptor.freeByteCount(subject) + status().allocatedByteCount
        guard room >= byteCount else { throw FileError(errno: ENOSPC, .reserve, "\(path)") }
        let result = clinux_reserve(descriptor.number, offset.value, byteCount.value)
        guard result == -EOPNOTSUPP else {
            try check(result, subject)
            return
        }
        let end = ByteCount((offset + byteCount).value)
        if try status().byteCount < end { try truncate(to: end) }
    }

    func shareBlocks(of part: FilePart, at offset: ByteOffset) throws(FileError) -> Bool {
        guard let source = part.file.descriptorInKernel, part.byteCount > 0 else { return false }
        let result = clinux_share_range(
            descriptor.number, offset.value, source.number, part.offset.value, part.byteCount.value)
        if [EXDEV, EINVAL, EOPNOTSUPP, ENOTTY, ENOSYS, ETXTBSY].contains(-result) { return false }
        try check(result, Subject(.shareBlocks, path))
        return true
    }

    func copy(_ part: FilePart, to offset: ByteOffset) throws(FileError) {
        if let source = part.file.descriptorInKernel, try copyInKernel(part, source, to: offset) { return }
        try copyBytes(part, to: self, at: offset)
    }

    /// False if the kernel cannot copy between these disks; nothing is lost by starting over.
    private func copyInKernel(_ part: FilePart, _ source: Descriptor, to offset: ByteOffset) throws(FileError) -> Bool {
        var done: Int64 = 0
        while done < part.byteCount.value {
            let step = min(part.byteCount.value - done, Int64(Limits.copyStepByteCount))
            let count = clinux_copy(
                descriptor.number, offset.value + done, source.number, part.offset.value + done, step)
            if [EXDEV, EINVAL, EOPNOTSUPP, ENOSYS].contains(Int32(clamping: -count)) { return false }
            try check(count, Subject(.copy, path))
            guard count > 0 else { throw FileError(.truncated, .copy, "\(path)", "the source became shorter") }
            done += count
        }
        return true
    }
}

extension ReadableFile {
    /// What the kernel knows the file by, if it is one of the kernel's.
    var descriptorInKernel: Descriptor? { (self as? RealFile)?.descriptor ?? (self as? OutsideFile)?.descriptor }
}

extension Descriptor {
    /// What this user may still write to the disk.
    func freeByteCount(_ subject: Subject) throws(FileError) -> ByteCount {
        var disk = statvfs()
        try call(subject) { unsafe fstatvfs(number, &disk) }
        return ByteCount(UInt64(disk.f_bavail) * UInt64(disk.f_frsize))
    }
}

/// Copies with reads and writes, whatever the two files are.
func copyBytes(_ part: FilePart, to target: any StoreFile, at offset: ByteOffset) throws(FileError) {
    let byteCount = part.byteCount.value
    var buffer = [UInt8](repeating: 0, count: Int(min(byteCount, Int64(Limits.copyStepByteCount))))
    var done: Int64 = 0
    while done < byteCount {
        let count = Int(min(byteCount - done, Int64(buffer.count)))
        try part.file.read(into: &buffer, 0..<count, at: part.offset + ByteCount(done))
        unsafe try target.write(buffer.span.bytes.extracting(0..<count), at: offset + ByteCount(done))
        done += Int64(count)
    }
}
