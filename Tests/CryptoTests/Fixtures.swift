import Units

@testable import Crypto

/// A cluster's authority and what it issues, with times around `now`.
struct TestCluster {
    static let now = WallTime(secondsSince1970: 1_800_000_000)

    let id = ClusterID(exactly: Array(1...16))
    let authority: CertificateAuthority

    init(authorityName: String = "test authority") throws {
        let key = try PrivateKey.generate()
        authority = try CertificateAuthority.makeRoot(
            name: authorityName, key: key,
            validity: Self.validity(from: -Self.now.secondsSince1970, until: 86_400 * 365))
    }

    static func validity(from: Int64, until: Int64) -> CertificateValidity {
        CertificateValidity(
            notBefore: WallTime(secondsSince1970: now.secondsSince1970 + from),
            notAfter: WallTime(secondsSince1970: now.secondsSince1970 + until))
    }

    static func name(_ text: String) throws -> NodeName {
        guard let name = NodeName(text) else { throw CryptoError(.failed, "make a name", text) }
        return name
    }

    func node(
        _ name: String, validity: CertificateValidity = validity(from: -3600, until: 3600)
    ) throws -> TestNode {
        let key = try PrivateKey.generate()
        let certificate = try authority.issue(
            for: key.publicKey, name: try Self.name(name), cluster: id, validity: validity)
        return TestNode(key: key, certificate: certificate, authority: authority.certificate)
    }
}

/// A member with its certificate.
struct TestNode {
    let key: PrivateKey
    let certificate: Certificate
    let authority: Certificate

    func configuration(_ mode: TLSConfiguration.Mode) -> TLSConfiguration {
        var configuration = TLSConfiguration(
            mode: mode, chain: [certificate, authority], key: key, authorities: [authority])
        configuration.verificationTime = TestCluster.now
        return configuration
    }

    func session(
        _ mode: TLSConfiguration.Mode, _ change: (inout TLSConfiguration) -> Void = { _ in }
    ) throws -> TLSSession {
        var configuration = configuration(mode)
        change(&configuration)
        return try TLSSession(TLSContext(configuration))
    }
}

/// What each end made of the handshake.
struct Outcome: Equatable {
    var client: TLSStep
    var server: TLSStep
}

/// Two sessions with nothing but memory between them.
struct TLSPair {
    let client: TLSSession
    let server: TLSSession

    /// Passes ciphertext to and fro, in pieces of `pieceByteCount`, until neither end has more to say.
    func handshake(pieceByteCount: Int = .max) throws -> Outcome {
        var outcome = Outcome(client: client.handshake(), server: server.handshake())
        while client.pendingOutputByteCount + server.pendingOutputByteCount > 0 {
            if try pass(from: client, to: server, pieceByteCount, { outcome.server = server.handshake() }) { continue }
            _ = try pass(from: server, to: client, pieceByteCount) {
                if client.isOpen { return }
                outcome.client = client.handshake()
            }
        }
        return outcome
    }

    private func pass(
        from sender: TLSSession, to receiver: TLSSession, _ pieceByteCount: Int, _ step: () -> Void
    ) throws -> Bool {
        let bytes = sender.takeOutput()
        guard !bytes.isEmpty else { return false }
        var start = 0
        while start < bytes.count {
            let end = start + min(pieceByteCount, bytes.count - start)
            try receiver.receive(Array(bytes[start..<end]))
            step()
            start = end
        }
        return true
    }

    /// Makes the pair and expects the handshake to end well.
    static func open(
        cluster: TestCluster, client clientMode: TLSConfiguration.Mode = .client,
        server serverMode: TLSConfiguration.Mode = .server
    ) throws -> TLSPair {
        let pair = TLSPair(
            client: try cluster.node("client").session(clientMode),
            server: try cluster.node("server").session(serverMode))
        let outcome = try pair.handshake()
        guard outcome == Outcome(client: .done, server: .done) else {
            throw TLSError(.failed, "no handshake: \(outcome)")
        }
        return pair
    }
}

extension TLSSession {
    func receive(_ bytes: [UInt8]) throws(TLSError) { try unsafe receive(bytes.span.bytes) }

    /// All plaintext that there is, and the last step.
    func readAll() -> (bytes: [UInt8], step: TLSReadStep) {
        var bytes: [UInt8] = []
        let step = read { piece in unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
        return (bytes, step)
    }

    /// The same, of ciphertext that is only lent.
    func readAll(from ciphertext: [UInt8]) -> (bytes: [UInt8], step: TLSReadStep) {
        var bytes: [UInt8] = []
        let step = unsafe read(from: ciphertext.span.bytes) { piece in
            unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        }
        return (bytes, step)
    }
}

extension TLSStep {
    var error: TLSError? { if case .failed(let error) = self { error } else { nil } }
}

extension TLSReadStep {
    var error: TLSError? { if case .failed(let error) = self { error } else { nil } }
}
