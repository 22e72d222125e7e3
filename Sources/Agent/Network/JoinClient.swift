internal import Crypto
public import EventLoop
public import Trust
public import Units

/// The newcomer's end of joining: `Protocol/join.md`.
public enum JoinClient {
    /// What `shoal join` was told.
    public struct Request: Sendable {
        let token: JoinToken
        let peer: HostPort
        let name: NodeName
        let statePath: String

        /// - Parameters:
        ///   - token: from `shoal token` on the issuer; it pins the cluster's CA.
        ///   - peer: where the issuer's agent listens; it is kept as the first peer to dial.
        ///   - name: what the certificate shall call this node.
        ///   - statePath: an empty or missing folder, or one of an earlier attempt that failed.
        public init(token: JoinToken, peer: HostPort, name: NodeName, statePath: String) {
            self.token = token
            self.peer = peer
            self.name = name
            self.statePath = statePath
        }
    }

    /// Joins, and writes key, certificate, root and peer durably.
    /// - Throws: `TrustError` with the next step; nothing is kept but the key, with which the token may be used again.
    @LoopActor
    public static func join(_ request: Request) async throws(TrustError) -> NodeIdentity {
        let newcomer = try Newcomer(request.token, name: request.name, statePath: request.statePath)
        let stream = try await connect(request)
        let session = JoinSession(stream)
        defer { session.close() }
        let exporter = try await session.open(expecting: request.token)
        session.send(.request(try newcomer.request(exporter: exporter)))
        guard case .granted(let certificate, let root) = try await session.answer() else {
            preconditionFailure("an answer is a grant or an error")
        }
        let identity = try newcomer.accept(certificate: certificate, root: root, at: Clock.wallTime())
        try SettingsFile.keepPeer(request.peer, statePath: request.statePath)
        return identity
    }

    @LoopActor
    private static func connect(_ request: Request) async throws(TrustError) -> SecureStream {
        var failure = "it has no address"
        do throws(LoopError) {
            for endpoint in try await Resolver.resolve(request.peer) {
                do throws(LoopError) {
                    let socket = try await ByteStream.connect(to: endpoint, within: .seconds(Limits.handshakeSeconds))
                    return try secure(socket, pin: request.token.caPin)
                } catch {
                    failure = error.detail
                }
            }
        } catch {
            failure = error.detail
        }
        throw TrustError(
            unreachable: "no agent answers at \(request.peer): \(failure); is it running, and is that its address?")
    }

    @LoopActor
    private static func secure(_ socket: ByteStream, pin: Digest) throws(LoopError) -> SecureStream {
        do throws(TLSError) {
            return SecureStream(socket, try TLSSession(try TLSContext(TLSConfiguration(joiningUnder: pin))))
        } catch {
            throw LoopError(.other, "TLS", error.description)
        }
    }
}
