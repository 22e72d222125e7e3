internal import COpenSSL
internal import Units

/// The two streams of ciphertext between a session and its owner: memory and lifetimes; the work is done in C.
///
/// Input is first what was kept, then what is lent by the caller for the length of one call. Output grows in a buffer
/// that the owner takes whole and gives back.
@safe
final class TLSBuffers {
    private let pipe: UnsafeMutablePointer<shoal_tls_pipe>
    /// A copy of input that came before OpenSSL wanted it: parts of a handshake.
    private var kept: RawBuffer?
    /// The output's memory; nil while there is none. `pipe` knows how far it is filled.
    private var output: RawBuffer?
    private let outputByteCountMax: Int

    init(outputByteCountMax: Int) {
        self.outputByteCountMax = outputByteCountMax
        unsafe pipe = .allocate(capacity: 1)
        unsafe pipe.initialize(to: shoal_tls_pipe())
        unsafe pipe.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
        unsafe pipe.pointee.grow = { owner, needed in
            guard let owner = unsafe owner else { return nil }
            return unsafe Unmanaged<TLSBuffers>.fromOpaque(owner).takeUnretainedValue().grow(to: needed)
        }
    }

    deinit { unsafe pipe.deallocate() }

    // MARK: Input

    /// Input that OpenSSL has not taken, without what is lent.
    var keptByteCount: Int { unsafe pipe.pointee.kept_count }

    /// Adds a copy to the input.
    func keep(_ bytes: UnsafeRawBufferPointer) {
        let unread = keptByteCount
        let joined = RawBuffer(capacity: max(1, unread + bytes.count))
        if let kept, unread > 0 {
            unsafe joined.room.copyMemory(from: UnsafeRawBufferPointer(rebasing: kept.contents.suffix(unread)))
            joined.didFill(unread)
        }
        unsafe joined.room.copyMemory(from: bytes)
        joined.didFill(bytes.count)
        kept = joined
        unsafe pipe.pointee.kept = joined.contents.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe pipe.pointee.kept_count = joined.count
    }

    /// Lends `bytes` for the length of `body`.
    func lending<T>(_ bytes: UnsafeRawBufferPointer, _ body: () -> T) -> T {
        unsafe pipe.pointee.lent = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe pipe.pointee.lent_count = bytes.count
        defer {
            unsafe pipe.pointee.lent_count = 0
            if keptByteCount == 0 { kept = nil }
        }
        return body()
    }

    /// Forgets all input.
    func dropInput() {
        unsafe pipe.pointee.kept_count = 0
        unsafe pipe.pointee.lent_count = 0
        kept = nil
    }

    // MARK: Output

    var outputByteCount: Int { unsafe pipe.pointee.output_count }

    /// Makes room for `byteCount` more bytes of output at once.
    func reserveOutput(_ byteCount: Int) {
        let needed = outputByteCount + byteCount
        if unsafe needed > pipe.pointee.output_capacity { _ = unsafe grow(to: needed) }
    }

    /// Moves the output out; nil if there is none.
    func takeOutput() -> RawBuffer? {
        guard outputByteCount > 0, let taken = output else { return nil }
        taken.didFill(outputByteCount - taken.count)
        output = nil
        unsafe pipe.pointee.output = nil
        unsafe pipe.pointee.output_count = 0
        unsafe pipe.pointee.output_capacity = 0
        return taken
    }

    /// Takes a buffer to put output into, if it has none.
    func lendOutput(_ buffer: RawBuffer) {
        guard output == nil else { return }
        buffer.reset(limit: buffer.capacity)
        use(buffer)
    }

    /// Gives the output a larger buffer; nil beyond the bound.
    private func grow(to needed: Int) -> UnsafeMutablePointer<UInt8>? {
        guard needed <= outputByteCountMax else { return nil }
        let larger = RawBuffer(capacity: max(needed, 2 * outputByteCount, 512))
        if let output {
            output.didFill(outputByteCount - output.count)
            unsafe larger.room.copyMemory(from: output.contents)
        }
        use(larger)
        return unsafe pipe.pointee.output
    }

    private func use(_ buffer: RawBuffer) {
        output = buffer
        unsafe pipe.pointee.output = buffer.room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe pipe.pointee.output_capacity = buffer.capacity
    }

    // MARK: BIO

    /// A BIO over these buffers, which must outlive it; nil if OpenSSL has no memory.
    func makeBIO() -> OpaquePointer? {
        guard let method = unsafe Self.method else { return nil }
        return unsafe shoal_tls_pipe_bio(method, pipe)
    }

    /// Made once and never freed or changed, so every thread may read it.
    nonisolated(unsafe) private static let method: OpaquePointer? = unsafe shoal_tls_pipe_method()
}
