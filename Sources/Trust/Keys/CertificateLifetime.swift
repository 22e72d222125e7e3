internal import Glibc
internal import Units

/// How long a node's certificate lives.
enum CertificateLifetime {
    /// 90 days. A debug build can be given a short life, so that a test sees certificates renew; a release build can
    /// not.
    static let seconds: Int = {
        #if DEBUG
        if let text = unsafe getenv("SHOAL_TEST_CERTIFICATE_SECONDS"), let seconds = Int(unsafe String(cString: text)) {
            return max(3, seconds)
        }
        #endif
        return Limits.certificateLifetimeSeconds
    }()
}
