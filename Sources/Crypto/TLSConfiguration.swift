public import Units

/// What two ends of a session speak, as ALPN names it.
public enum TLSProtocol: String, Hashable, Sendable {
    /// Between two members of a cluster, both with certificates.
    case shoal = "shoal/1"
    /// Between a newcomer, which has no certificate yet, and a member that issues them.
    case join = "shoal-join/1"
}

/// What a `TLSContext` is made of.
public struct TLSConfiguration: Sendable {
    /// Which end of which protocol.
    public enum Mode: Hashable, Sendable {
        /// Dials members, as one.
        case client
        /// Is dialled by members; a newcomer is refused.
        case server
        /// Is dialled by members and by newcomers. A hello that offers `shoal-join/1` and nothing else is spared the
        /// certificate.
        case serverAllowingJoin
        /// Dials a member as a newcomer, without a certificate. The server's chain must end in a certificate authority
        /// whose public key has this SHA-256 (`PublicKey.keyID`).
        case joiningClient(authorityKeyID: Digest)
    }

    /// Which end of which protocol.
    public var mode: Mode
    /// The own certificate, then the authority's. Empty for a joining client.
    public var chain: [Certificate]
    /// The key of the first certificate.
    public var key: PrivateKey?
    /// The authorities that a peer's certificate may come from; no other is trusted.
    public var authorities: [Certificate]
    /// Nodes that are refused although their certificates are good.
    public var deniedNodes: Set<NodeID> = []
    /// When certificates are judged. Nil is the system's clock, at the time of each handshake.
    public var verificationTime: WallTime?
    /// Sent under one key before the session moves to the next.
    public var keyUpdateByteCount = Limits.tlsKeyUpdateByteCount

    /// For a peer that can only speak TLS 1.2.
    package var testsOnly_maximumVersion12 = false
    /// What a client offers instead.
    package var testsOnly_protocols: [String]?

    /// For members of a cluster.
    public init(mode: Mode, chain: [Certificate], key: PrivateKey, authorities: [Certificate]) {
        self.mode = mode
        self.chain = chain
        self.key = key
        self.authorities = authorities
    }

    /// For a newcomer that knows the authority's pin.
    public init(joiningUnder authorityKeyID: Digest) {
        mode = .joiningClient(authorityKeyID: authorityKeyID)
        chain = []
        key = nil
        authorities = []
    }
}
