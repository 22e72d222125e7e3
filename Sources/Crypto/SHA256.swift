internal import COpenSSL
public import Units

/// SHA-256 of bytes that are all there.
public enum SHA256 {
    /// Allocates nothing; about 0.6 s per GiB. Any thread.
    public static func hash(_ bytes: borrowing RawSpan) -> Digest {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finish()
    }

    /// The same, of an array.
    public static func hash(_ bytes: [UInt8]) -> Digest { unsafe hash(bytes.span.bytes) }
}

/// SHA-256 of bytes that come in parts. A value: a copy goes on by itself, and it may be handed to another thread.
public struct SHA256Hasher: Sendable {
    private var state: SHA256_CTX

    /// Of no bytes yet.
    public init() {
        state = SHA256_CTX()
        unsafe shoal_sha256_init(&state)
    }

    /// Adds bytes at the end.
    public mutating func update(_ bytes: borrowing RawSpan) {
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe shoal_sha256_update(&state, buffer.baseAddress, buffer.count)
        }
    }

    /// Adds bytes at the end.
    public mutating func update(_ bytes: [UInt8]) { unsafe update(bytes.span.bytes) }

    /// The digest of all bytes so far. More may be added afterwards.
    public func finish() -> Digest {
        var state = state
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Digest.byteCount) { buffer, count in
            unsafe shoal_sha256_finish(&state, buffer.baseAddress)
            count = Digest.byteCount
        }
        return Digest(exactly: bytes)
    }
}
