internal import Crypto
internal import Units

/// What an issuer must not forget: its tokens, and which node bears which name until when.
///
/// A token is open → spent for one node id; it goes once it has expired.
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

    var tokens: [Token] = []
    var grants: [Grant] = []

    /// Forgets tokens that expired more than a day ago, and certificates that ended. An expired token is kept for that long so
    /// that its late user is told why.
    mutating func sweep(at now: WallTime) {
        tokens.removeAll { $0.expires + Int64(Limits.tokenLifetimeSecondsMax) < now.secondsSince1970 }
        grants.removeAll { $0.expires < now.secondsSince1970 }
    }

    /// How many tokens could still let somebody in.
    func livingTokenCount(at now: WallTime) -> Int {
        tokens.count { $0.spentFor == nil && $0.expires >= now.secondsSince1970 }
    }

    /// The token with this id, if the authenticator proves that the asker holds its secret.
    func token(_ id: TokenID, provedBy authenticator: [UInt8], over message: [UInt8]) -> Token? {
        guard let token = tokens.first(where: { $0.id == id.hex }), let secret = Hex.decode(token.secret) else { return nil }
        let expected = HMACSHA256.authenticate(message, key: secret).bytes
        return ConstantTime.equal(expected, authenticator) ? token : nil
    }

    /// False, and nothing changes, if the token is gone or was spent for another node.
    mutating func spend(_ id: TokenID, for node: NodeID) -> Bool {
        guard let position = tokens.firstIndex(where: { $0.id == id.hex }),
            tokens[position].spentFor == nil || tokens[position].spentFor == node.hex
        else { return false }
        tokens[position].spentFor = node.hex
        return true
    }

    /// The other living node that bears `name`, unless it is denied.
    func bearer(of name: String, otherThan node: NodeID, at now: WallTime, isDenied: (NodeID) -> Bool) -> NodeID? {
        grants.lazy
            .filter { $0.name == name && $0.expires >= now.secondsSince1970 }
            .compactMap { NodeID(hex: $0.node) }
            .first { $0 != node && !isDenied($0) }
    }

    mutating func note(_ node: NodeID, name: String, expires: WallTime) {
        grants.removeAll { $0.node == node.hex }
        grants.append(Grant(node: node.hex, name: name, expires: expires.secondsSince1970))
    }
}
