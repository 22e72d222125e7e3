internal import Crypto
public import Units

/// What a newcomer holds: who lets it in, how to recognise them, and the secret that opens the door once.
/// Layout and checks: `Protocol/join.md`, section 1.
public struct JoinToken: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// Names the token at its issuer.
    public let id: TokenID
    /// Proves that the newcomer holds the token; never sent.
    public let secret: [UInt8]
    /// SHA-256 of the CA's public key.
    public let caPin: Digest
    /// Digest of the issuer's newest root document.
    public let rootPin: Digest
    /// The agent that made the token.
    public let issuer: NodeID
    /// The cluster that it lets into.
    public let cluster: ClusterID

    /// Why a text is no token.
    public enum Fault: Error, Sendable, Equatable {
        /// It does not begin as tokens do.
        case notAToken
        /// Characters are missing at the end.
        case truncated
        /// A character is wrong.
        case mistyped
        /// It was made by a newer Shoal.
        case newerFormat

        /// What to tell the user.
        public var advice: String {
            switch self {
            case .notAToken: "this is no token; one begins with \(JoinToken.prefix)"
            case .truncated: "the token is truncated; copy the whole line that `shoal token create` printed"
            case .mistyped: "the token has a wrong character; copy it again from `shoal token create`"
            case .newerFormat: "the token was made by a newer Shoal; upgrade this machine first"
            }
        }
    }

    static let prefix = "shoal1-"
    private static let byteCount = 125
    private static let checksumByteCount = 4

    init(id: TokenID, secret: [UInt8], caPin: Digest, rootPin: Digest, issuer: NodeID, cluster: ClusterID) {
        self.id = id
        self.secret = secret
        self.caPin = caPin
        self.rootPin = rootPin
        self.issuer = issuer
        self.cluster = cluster
    }

    /// Reads the text form. Safe on hostile input.
    public init(_ text: String) throws(Fault) {
        var reader = ByteReader(try Self.checkedBytes(of: Array(text.utf8)).dropFirst())
        do throws(Units.DecodingError) {
            id = try reader.identifier(TokenID.self, "id")
            secret = Array(try reader.raw(Limits.tokenSecretByteCount, "secret"))
            caPin = try reader.identifier(Digest.self, "CA")
            rootPin = try reader.identifier(Digest.self, "root")
            issuer = try reader.identifier(NodeID.self, "issuer")
            cluster = try reader.identifier(ClusterID.self, "cluster")
        } catch {
            throw .mistyped
        }
    }

    /// The bytes of a token whose format is 1 and whose checksum is right.
    private static func checkedBytes(of text: [UInt8]) throws(Fault) -> [UInt8] {
        let prefix = Array(Self.prefix.utf8)
        let textByteCount = prefix.count + (byteCount * 8 + 5) / 6
        guard text.count >= textByteCount else {
            throw prefix.starts(with: text.prefix(prefix.count)) ? .truncated : .notAToken
        }
        guard text.starts(with: prefix) else { throw text.count == textByteCount ? .mistyped : .notAToken }
        guard text.count <= 2 * textByteCount, let bytes = Base64URL.decode(text.dropFirst(prefix.count)),
            checksum(of: bytes.dropLast(checksumByteCount)) == bytes.suffix(checksumByteCount)
        else { throw .mistyped }
        // A newer format begins with its number and ends with the checksum too, whatever its length.
        guard bytes[0] <= 1 else { throw .newerFormat }
        guard bytes[0] == 1, bytes.count == byteCount else { throw .mistyped }
        return bytes
    }

    /// The text form.
    public var text: String {
        var writer = ByteWriter(reserving: Self.byteCount)
        writer.integer(UInt8(1))
        writer.identifier(id)
        writer.raw(secret)
        writer.identifier(caPin)
        writer.identifier(rootPin)
        writer.identifier(issuer)
        writer.identifier(cluster)
        writer.raw(Self.checksum(of: writer.bytes))
        return Self.prefix + Base64URL.encode(writer.bytes)
    }

    /// The id: the secret is not shown.
    public var description: String { "token \(id)" }

    /// Without the secret, so that no dump shows it.
    public var customMirror: Mirror { Mirror(self, children: ["id": id]) }

    private static func checksum(of body: some Sequence<UInt8>) -> ArraySlice<UInt8> {
        SHA256.hash(Array("shoal/1 token".utf8) + [0] + body).bytes.prefix(checksumByteCount)
    }
}

/// Eight random bytes that name a token at its issuer.
public struct TokenID: Identifier {
    /// Eight.
    public static let byteCount = 8
    /// The raw bytes.
    public let bytes: [UInt8]

    /// - Precondition: `bytes` has eight elements.
    public init(exactly bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "a token id of \(bytes.count) bytes")
        self.bytes = bytes
    }

    /// By the bytes.
    public static func < (left: TokenID, right: TokenID) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}
