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
            body.string(text)
        }
        precondition(body.bytes.count <= Limits.joinMessageByteCountMax, "a joining message of \(body.bytes.count) bytes")
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
            let count = Int(try reader.integer(UInt16.self, "certificate"))
            guard count <= 2048 else { throw .init(.outOfRange, "certificate") }
            let certificate = Array(try reader.raw(count, "certificate"))
            let rootByteCount = Int(try reader.integer(UInt32.self, "root"))
            guard rootByteCount <= Limits.rootByteCountMax else { throw .init(.outOfRange, "root") }
            self = .grant(
                certificate: certificate, rootByteCount: rootByteCount,
                partCount: Int(try reader.integer(UInt16.self, "parts")))
        case 3:
            guard (1...Limits.joinRootPartByteCountMax).contains(reader.remainingCount) else {
                throw .init(.outOfRange, "part")
            }
            self = .root(Array(reader.rest()))
        case 4:
            guard let refusal = JoinRefusal(rawValue: try reader.integer(UInt8.self, "code")) else {
                throw .init(.invalid, "code")
            }
            self = .refusal(refusal, try reader.string(atMost: 512, "text"))
        default: throw .init(.invalid, "type")
        }
        try reader.requireEnd("message")
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

    static func authenticated(_ fields: [UInt8], exporter: [UInt8]) -> [UInt8] {
        Array("shoal/1 join".utf8) + [0] + fields + exporter
    }

    init(tokenID: TokenID, name: String, signingRequest: [UInt8], authenticator: [UInt8]) {
        self.tokenID = tokenID
        self.name = name
        self.signingRequest = signingRequest
        self.authenticator = authenticator
    }

    init(_ reader: inout ByteReader) throws(Units.DecodingError) {
        tokenID = try reader.identifier(TokenID.self, "token")
        name = try reader.string(atMost: Limits.namePartByteCountMax, "name")
        let count = Int(try reader.integer(UInt16.self, "request"))
        guard count <= 1024 else { throw .init(.outOfRange, "request") }
        signingRequest = Array(try reader.raw(count, "request"))
        authenticator = Array(try reader.raw(32, "HMAC"))
    }
}

/// Why an issuer says no.
public enum JoinRefusal: UInt8, Error, Sendable {
    case unknown = 1
    case used = 2
    case expired = 3
    case nameTaken = 4
    case denied = 5
    case badRequest = 6
    case unavailable = 7
}

/// Cuts a joining connection's bytes into messages.
public struct JoinMessageReader: Sendable {
    private var buffer: [UInt8] = []

    public init() {}

    /// Adds what came.
    /// - Throws: `.outOfRange` when more waits than two messages can hold.
    public mutating func append(_ bytes: [UInt8]) throws(Units.DecodingError) {
        buffer += bytes
        guard buffer.count <= 32 * Limits.joinMessageByteCountMax else { throw .init(.outOfRange, "message") }
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
