internal import COpenSSL

/// The two streams of ciphertext between a session and its owner, as the BIO that OpenSSL reads and writes.
///
/// Input is first what was kept, then what is borrowed from the caller for the length of one call. Output grows in an
/// array that the owner takes whole, so a sealed byte is copied once.
@safe
final class TLSBuffers {
    private var kept: [UInt8] = []
    private var keptStart = 0
    private var borrowed = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var output: [UInt8] = []
    private let outputByteCountMax: Int

    init(outputByteCountMax: Int) { self.outputByteCountMax = outputByteCountMax }

    /// Input that OpenSSL has not taken, without what is borrowed.
    var keptByteCount: Int { kept.count - keptStart }

    /// Adds a copy to the input.
    func keep(_ bytes: UnsafeRawBufferPointer) { unsafe kept.append(contentsOf: bytes) }

    /// Lends `bytes` for the length of `body`.
    func lending<T>(_ bytes: UnsafeRawBufferPointer, _ body: () -> T) -> T {
        unsafe borrowed = unsafe bytes
        defer { unsafe borrowed = unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return body()
    }

    /// Forgets all input.
    func dropInput() {
        kept = []
        keptStart = 0
        unsafe borrowed = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Makes room for `byteCount` more bytes of output at once.
    func reserveOutput(_ byteCount: Int) {
        let needed = output.count + byteCount
        if needed > output.capacity { output.reserveCapacity(max(needed, 2 * output.count)) }
    }

    /// Moves the output out.
    func takeOutput() -> [UInt8] {
        defer { output = [] }
        return output
    }

    /// Fills as much of `target` as there is input for.
    private func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        guard keptStart < kept.count else { return unsafe readBorrowed(into: target) }
        let count = min(target.count, kept.count - keptStart)
        unsafe kept.withUnsafeBytes {
            unsafe target.copyMemory(from: .init(rebasing: $0[keptStart..<keptStart + count]))
        }
        keptStart += count
        if keptStart == kept.count {
            kept.removeAll(keepingCapacity: false)
            keptStart = 0
        }
        return count
    }

    private func readBorrowed(into target: UnsafeMutableRawBufferPointer) -> Int {
        let count = unsafe min(target.count, borrowed.count)
        guard count > 0 else { return 0 }
        unsafe target.copyMemory(from: .init(rebasing: borrowed[..<count]))
        unsafe borrowed = unsafe .init(rebasing: borrowed[count...])
        return count
    }

    /// False, and nothing is added, beyond the bound.
    private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard output.count + bytes.count <= outputByteCountMax else { return false }
        unsafe output.append(contentsOf: bytes)
        return true
    }
}

extension TLSBuffers {
    /// A BIO over these buffers, which must outlive it; nil if OpenSSL has no memory.
    func makeBIO() -> OpaquePointer? {
        guard let method = unsafe Self.method, let bio = unsafe BIO_new(method) else { return nil }
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        unsafe BIO_set_init(bio, 1)
        return unsafe bio
    }

    private static func of(_ bio: OpaquePointer?) -> TLSBuffers? {
        guard let data = unsafe BIO_get_data(bio) else { return nil }
        return unsafe Unmanaged<TLSBuffers>.fromOpaque(data).takeUnretainedValue()
    }

    /// Made once and never freed or changed, so every thread may read it.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        guard let method = unsafe BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shoal") else { return nil }
        unsafe BIO_meth_set_read(method) { bio, bytes, count in
            guard let buffers = unsafe of(bio), count > 0 else { return -1 }
            unsafe shoal_bio_clear_retry(bio)
            let taken = unsafe buffers.read(into: .init(start: bytes, count: Int(count)))
            guard taken == 0 else { return Int32(taken) }
            unsafe shoal_bio_retry_read(bio)
            return -1
        }
        unsafe BIO_meth_set_write(method) { bio, bytes, count in
            guard let buffers = unsafe of(bio), count > 0 else { return -1 }
            unsafe shoal_bio_clear_retry(bio)
            return unsafe buffers.write(.init(start: bytes, count: Int(count))) ? count : -1
        }
        unsafe BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return unsafe method
    }()
}
