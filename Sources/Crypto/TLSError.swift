/// Why a TLS session failed. The session is over; what `takeOutput` still gives is the alert for the peer.
public struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of fault it is. `who` says whose verdict it is.
    public enum Code: String, Hashable, Sendable {
        /// A certificate was demanded and none was shown.
        case noCertificate
        /// The certificate was issued by no authority that the verifier trusts.
        case unknownCA
        /// The certificate's life is over.
        case expired
        /// The certificate's life has not begun, or the verifier's clock is behind.
        case notYetValid
        /// The certificate is one that the cluster denies.
        case denied
        /// The certificate is not fit for a node: wrong use, wrong identity, malformed.
        case badCertificate
        /// The peer cannot speak TLS 1.3.
        case wrongVersion
        /// The two have no application protocol in common, or joining is not offered here.
        case wrongProtocol
        /// The session is closed: nothing more can be written.
        case closed
        /// The transport ended without a close_notify: what was read last may have been cut.
        case truncated
        /// The peer broke the protocol, or bytes changed on the way.
        case protocolViolation
        /// More ciphertext waits than `Limits.tlsOutputByteCountMax`. Nothing was written: take the output, try again.
        case outputFull
        /// More ciphertext was fed than `Limits.tlsInputByteCountMax` before it was read.
        case inputFull
        /// OpenSSL failed here, or the configuration is unusable.
        case failed
    }

    /// Whose verdict it is.
    public enum Judge: Hashable, Sendable {
        /// We refused the peer, or could not go on.
        case local
        /// The peer refused us and said so in an alert.
        case peer
    }

    /// What kind of fault it is.
    public let code: Code
    /// Whose verdict it is.
    public let judge: Judge
    /// What was wrong, for people.
    public let detail: String

    /// A verdict of ours unless `judge` says otherwise.
    public init(_ code: Code, by judge: Judge = .local, _ detail: String) {
        self.code = code
        self.judge = judge
        self.detail = detail
    }

    /// What was wrong, and whose verdict it is.
    public var description: String { judge == .peer ? "refused by the peer: \(detail)" : detail }
}
