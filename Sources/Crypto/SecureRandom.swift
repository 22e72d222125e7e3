internal import COpenSSL

/// Random bytes fit for secrets.
public enum SecureRandom {
    /// `count` bytes from OpenSSL's generator, which the kernel seeds.
    ///
    /// It traps if the generator fails: nothing safe is left to go on with, and once a kernel has booted it does not.
    public static func bytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0, "\(count) random bytes")
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let result = unsafe RAND_bytes(buffer.baseAddress, Int32(count))
            precondition(result == 1, "OpenSSL has no randomness")
            initialized = count
        }
    }
}
