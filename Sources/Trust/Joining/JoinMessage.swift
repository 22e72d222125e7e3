internal import Crypto
public import Units

/// What travels on a joining connection: `Protocol/join.md`, section 3.
public enum JoinMessage: Sendable, Equatable {
    /// The newcomer's first and only message.
    case request(JoinRequest)
    /// The certificate, and how the root document follows.
    case grant(certificate: [UInt8], rootByteCount: Int, partCount: Int)
    /// The next bytes of the root document.
    case root([UInt8])
    /// No.
    case refusal(JoinRefusal, String)

    /// The message with its length in front.
    public func encode() -> [UInt8] {
        var body = ByteWriter()
        switch self {
        case .request(let request):
            body.integer(UInt8(1))
            body.raw(request.authenticatedFields)
            body.raw(request.authenticator)
        case .grant(let certificate, let rootByteCount, let partCount):
            body.integer(UInt8(2))
            body.integer(UInt16(certificate.count))
            body.raw(certificate)
            body.integer(UInt32(rootByteCount))
            body.integer(UInt16(partCount))
        case .root(let part):
            body.integer(UInt8(3))
            body.raw(part)
        case .refusal(let refusal, let text):
            body.integer(UInt8(4))
            body.integer(refusal.rawValue)
            body.string(Self.clipped(text))
        }
        precondition(
            body.bytes.count <= Limits.joinMessageByteCountMax, "a joining message of \(body.bytes.count) bytes")
        var frame = ByteWriter(reserving: body.bytes.count + 2)
        frame.integer(UInt16(body.bytes.count))
        frame.raw(body.bytes)
        return frame.bytes
    }

    /// Reads what stands behind the length.
    public init(body: ArraySlice<UInt8>) throws(Units.DecodingError) {
        var reader = ByteReader(body)
        switch try reader.integer(UInt8.self, "type") {
        case 1: self = .request(try JoinRequest(&reader))
        case 2:
            self = try Self.grant(from: &reader)
        case 3:
            guard (1...Limits.joinRootPartByteCountMax).contains(reader.remainingCount) else {
                throw .init(.outOfRange, "part")
            }
            self = .root(Array(reader.rest()))
        case 4:
            // A later issuer's reason is in its text.
            let refusal = JoinRefusal(rawValue: try reader.integer(UInt8.self, "code")) ?? .unavailable
            self = .refusal(refusal, try reader.string(atMost: Limits.joinRefusalByteCountMax, "text"))
        default: throw .init(.invalid, "type")
        }
        try reader.requireEnd("message")
    }

    /// A root of these bytes can come in so many parts of 1 to 4,000 bytes, and in no other number.
    private static func grant(from reader: inout ByteReader) throws(Units.DecodingError) -> JoinMessage {
        let count = Int(try reader.integer(UInt16.self, "certificate"))
        guard (1...Limits.joinCertificateByteCountMax).contains(count) else { throw .init(.outOfRange, "certificate") }
        let certificate = Array(try reader.raw(count, "certificate"))
        let rootByteCount = Int(try reader.integer(UInt32.self, "root"))
        guard (1...Limits.rootByteCountMax).contains(rootByteCount) else { throw .init(.outOfRange, "root") }
        let partCount = Int(try reader.integer(UInt16.self, "parts"))
        guard partCount <= rootByteCount, rootByteCount <= partCount * Limits.joinRootPartByteCountMax else {
            throw .init(.outOfRange, "parts")
        }
        return .grant(certificate: certificate, rootByteCount: rootByteCount, partCount: partCount)
    }

    /// The beginning of a text, cut between two characters.
    private static func clipped(_ text: String) -> String {
        var clipped = text
        while clipped.utf8.count > Limits.joinRefusalByteCountMax { clipped.removeLast() }
        return clipped
    }
}

/// The newcomer's wish, tied to the token and to the connection by its authenticator.
public struct JoinRequest: Sendable, Equatable {
    let tokenID: TokenID
    /// What the newcomer wants to be called; not checked yet.
    public let name: String
    /// PKCS#10, DER.
    let signingRequest: [UInt8]
    /// HMAC-SHA-256 under the token's secret.
    let authenticator: [UInt8]

    /// What ties a request to its connection: RFC 8446, section 7.5.
    public static let exporterLabel = "EXPORTER-shoal-join-1"
    /// Bytes of it.
    public static let exporterByteCount = 32

    /// What the HMAC covers besides the exporter, and what is sent: token id, name, request.
    var authenticatedFields: [UInt8] {
        var writer = ByteWriter()
        writer.identifier(tokenID)
        writer.string(name)
        writer.integer(UInt16(signingRequest.count))
        writer.raw(signingRequest)
        return writer.bytes
    }

    /// What the HMAC covers.
    static func authenticated(_ fields: [UInt8], exporter: [UInt8]) -> [UInt8] {
        Array("shoal/1 join".utf8) + [0] + fields + exporter
    }

    init(tokenID: TokenID, name: String, signingRequest: [UInt8], authenticator: [UInt8]) {
        self.tokenID = tokenID
        self.name = name
        self.signingRequest = signingRequest
        self.authenticator = authenticator
    }

    /// A request whose authenticator the token's secret makes.
    init(_ token: JoinToken, name: String, signingRequest: [UInt8], exporter: [UInt8]) {
        let open = JoinRequest(tokenID: token.id, name: name, signingRequest: signingRequest, authenticator: [])
        let message = Self.authenticated(open.authenticatedFields, exporter: exporter)
        self.init(
            tokenID: token.id, name: name, signingRequest: signingRequest,
            authenticator: HMACSHA256.authenticate(message, key: token.secret).bytes)
    }

    init(_ reader: inout ByteReader) throws(Units.DecodingError) {
        tokenID = try reader.identifier(TokenID.self, "token")
        name = try reader.string(atMost: Limits.namePartByteCountMax, "name")
        let count = Int(try reader.integer(UInt16.self, "request"))
        guard count <= Limits.joinSigningRequestByteCountMax else { throw .init(.outOfRange, "request") }
        signingRequest = Array(try reader.raw(count, "request"))
        authenticator = Array(try reader.raw(Digest.byteCount, "HMAC"))
    }
}

/// Why an issuer says no.
public enum JoinRefusal: UInt8, Error, Sendable, CaseIterable {
    /// The issuer made no such token, or the newcomer does not hold its secret.
    case unknown = 1
    /// The token let another node in.
    case used = 2
    /// The token is too old.
    case expired = 3
    /// Another node bears the name.
    case nameTaken = 4
    /// The newcomer's key is shut out.
    case denied = 5
    /// The request is malformed.
    case badRequest = 6
    /// The issuer cannot do it now.
    case unavailable = 7
}

/// Cuts a joining connection's bytes into messages.
public struct JoinMessageReader: Sendable {
    private var buffer: [UInt8] = []

    /// Nothing came yet.
    public init() {}

    /// Adds what came.
    /// - Throws: `.outOfRange` when more waits than an answer with a root document needs: close.
    public mutating func append(_ bytes: [UInt8]) throws(Units.DecodingError) {
        guard buffer.count + bytes.count <= Limits.joinBacklogByteCountMax else { throw .init(.outOfRange, "message") }
        buffer += bytes
    }

    /// The next whole message, or nil if more bytes are needed.
    public mutating func next() throws(Units.DecodingError) -> JoinMessage? {
        guard buffer.count >= 2 else { return nil }
        let count = Int(buffer[0]) << 8 | Int(buffer[1])
        guard (1...Limits.joinMessageByteCountMax).contains(count) else { throw .init(.outOfRange, "length") }
        guard buffer.count >= count + 2 else { return nil }
        let message = try JoinMessage(body: buffer[2..<count + 2])
        buffer.removeFirst(count + 2)
        return message
    }
}
