internal import COpenSSL
public import Units

/// HMAC with SHA-256 (RFC 2104).
public enum HMACSHA256 {
    /// The 32-byte code of `message` under `key`. Compare codes with `ConstantTime.equal`.
    public static func authenticate(_ message: [UInt8], key: [UInt8]) -> Digest {
        let blockByteCount = 64
        var block = key.count > blockByteCount ? SHA256.hash(key).bytes : key
        block += [UInt8](repeating: 0, count: blockByteCount - block.count)
        var inner = SHA256Hasher()
        inner.update(block.map { $0 ^ 0x36 })
        inner.update(message)
        var outer = SHA256Hasher()
        outer.update(block.map { $0 ^ 0x5C })
        outer.update(inner.finish().bytes)
        return outer.finish()
    }
}

/// Comparison that takes the same time wherever the difference is.
public enum ConstantTime {
    /// True if both have the same bytes. Only the lengths may leak.
    public static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return unsafe left.withUnsafeBytes { first in
            unsafe right.withUnsafeBytes { second in
                unsafe CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
            }
        }
    }

    /// True if both are the same digest.
    public static func equal(_ left: Digest, _ right: Digest) -> Bool { equal(left.bytes, right.bytes) }
}
