internal import COpenSSL

/// OpenSSL as a whole.
public enum CryptoLibrary {
    /// Leaves it as it is when the process ends: other threads are still busy then, and its own clean-up would take the
    /// locks from under them, which crashed one in a hundred that ended with an error.
    ///
    /// To be called first of all, on the main thread.
    public static func settle() { _ = OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil) }
}

/// The few helpers through which this target talks to OpenSSL.
enum OpenSSL {
    /// Forgets what earlier calls of this thread left behind, so that it is not blamed on the next one. There is seldom
    /// anything, and to look is cheaper than to clear, which is done for each record.
    static func clearErrors() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// Takes all errors of this thread, oldest first.
    static func drainErrors() -> [QueuedError] {
        var errors: [QueuedError] = []
        while true {
            let code = ERR_get_error()
            guard code != 0 else { return errors }
            let text = unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) }
            errors.append(
                QueuedError(
                    library: ERR_GET_LIB(code), reason: ERR_GET_REASON(code), text: text ?? "error \(code)"))
        }
    }

    /// The bytes that an `i2d` function writes; nil if it fails.
    static func encode(
        _ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>) -> Int32
    ) -> [UInt8]? {
        var start: UnsafeMutablePointer<UInt8>?
        let count = unsafe write(&start)
        guard count > 0, let bytes = unsafe start else { return nil }
        defer { unsafe shoal_free(bytes) }
        return unsafe Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    /// Gives `bytes` to a `d2i` function and returns its result only if it consumed all of them.
    static func decode(
        _ bytes: [UInt8], _ read: (UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int) -> OpaquePointer?,
        free: (OpaquePointer?) -> Void
    ) -> OpaquePointer? {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return nil }
            var position: UnsafePointer<UInt8>? = unsafe start
            guard let value = unsafe read(&position, buffer.count) else { return nil }
            guard unsafe position == start + buffer.count else {
                unsafe free(value)
                return nil
            }
            return unsafe value
        }
    }
}

/// One entry of OpenSSL's error queue.
struct QueuedError {
    let library: Int32
    let reason: Int32
    let text: String
}
