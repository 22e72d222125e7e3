internal import Crypto
internal import Units

/// What an issuer must not forget: its tokens, and which node bears which name until when.
///
/// A token is open → spent for one node id; it goes a day after it has expired.
struct IssuerLedger: Codable, Sendable, Equatable {
    struct Token: Codable, Sendable, Equatable {
        let id: String
        let secret: String
        let expires: Int64
        var spentFor: String?
    }

    struct Grant: Codable, Sendable, Equatable {
        let node: String
        let name: String
        let expires: Int64
    }

    private(set) var tokens: [Token] = []
    private(set) var grants: [Grant] = []

    /// Forgets tokens that expired more than a day ago, and certificates that ended. An expired token is kept for
    /// that long so that its late user is told why.
    mutating func sweep(at now: WallTime) {
        tokens.removeAll { $0.expires + Int64(Limits.tokenLifetimeSecondsMax) < now.secondsSince1970 }
        grants.removeAll { $0.expires < now.secondsSince1970 }
    }

    // MARK: Tokens

    /// False, and nothing changes, if there are too many that are open, or too many in all.
    mutating func add(_ token: Token, at now: WallTime) -> Bool {
        sweep(at: now)
        if tokens.count >= Limits.tokenRecordCountMax { tokens.removeAll { $0.expires < now.secondsSince1970 } }
        let openCount = tokens.count { $0.spentFor == nil && $0.expires >= now.secondsSince1970 }
        guard openCount < Limits.tokenCountMax, tokens.count < Limits.tokenRecordCountMax else { return false }
        tokens.append(token)
        return true
    }

    /// The token with this id, if the authenticator proves that the asker holds its secret.
    func token(_ id: TokenID, provedBy authenticator: [UInt8], over message: [UInt8]) -> Token? {
        guard let token = tokens.first(where: { $0.id == id.hex }), let secret = Hex.decode(token.secret) else {
            return nil
        }
        let expected = HMACSHA256.authenticate(message, key: secret).bytes
        return ConstantTime.equal(expected, authenticator) ? token : nil
    }

    /// - Precondition: the token is there, and open or spent for the same node.
    mutating func spend(_ id: TokenID, for node: NodeID) {
        guard let position = tokens.firstIndex(where: { $0.id == id.hex }) else {
            preconditionFailure("token \(id) went away while it was used")
        }
        precondition(tokens[position].spentFor.map { $0 == node.hex } ?? true, "token \(id) let another node in")
        tokens[position].spentFor = node.hex
    }

    // MARK: Names

    /// The other living node that bears `name`, unless it is denied.
    func bearer(of name: NodeName, otherThan node: NodeID, at now: WallTime, isDenied: (NodeID) -> Bool) -> NodeID? {
        grants.lazy
            .filter { $0.name == name.text && $0.expires >= now.secondsSince1970 }
            .compactMap { NodeID(hex: $0.node) }
            .first { $0 != node && !isDenied($0) }
    }

    /// Whether another certificate can be noted.
    var hasRoom: Bool { grants.count < Limits.grantCountMax }

    /// A node's certificate for a name; certificates for other names that it has go on living.
    mutating func note(_ node: NodeID, name: NodeName, expires: WallTime) {
        let until = max(
            expires.secondsSince1970,
            grants.first { $0.node == node.hex && $0.name == name.text }?.expires ?? expires.secondsSince1970)
        grants.removeAll { $0.node == node.hex && $0.name == name.text }
        grants.append(Grant(node: node.hex, name: name.text, expires: until))
    }
}
