public import Units

/// One signature of a document.
public struct DocumentSignature: Hashable, Sendable {
    /// The SHA-256 of the signer's DER SubjectPublicKeyInfo.
    public let keyID: Digest
    /// ECDSA over the document's digest, in minimal DER.
    public let bytes: [UInt8]

    /// Nothing is checked here; the envelope checks.
    public init(keyID: Digest, bytes: [UInt8]) {
        self.keyID = keyID
        self.bytes = bytes
    }
}

/// An envelope: a body of some kind, and signatures. Nothing about them has been proved; see `Verified`.
///
/// Invariant: 1 to 16 signatures, ascending by key id, each in minimal DER; the whole is within the kind's bound.
public struct SignedDocument: Hashable, Sendable {
    /// What the body is.
    public let kind: DocumentKind
    /// The signed bytes.
    public let body: [UInt8]
    /// Ascending by key id.
    public let signatures: [DocumentSignature]

    /// An envelope for a publisher; the signatures may come in any order.
    /// - Throws: a DocumentError if the document is too large, two signatures are of one key, or one is not minimal
    ///   DER.
    public init(kind: DocumentKind, body: [UInt8], signatures: [DocumentSignature]) throws(DocumentError) {
        self.init(
            unchecked: kind, body: body, signatures: signatures.sorted { $0.keyID < $1.keyID })
        try validate()
    }

    /// An envelope around a value that somebody signed.
    public init(_ value: some DocumentBody, signatures: [DocumentSignature]) throws(DocumentError) {
        try self.init(kind: type(of: value).kind, body: value.encode(), signatures: signatures)
    }

    init(unchecked kind: DocumentKind, body: [UInt8], signatures: [DocumentSignature]) {
        self.kind = kind
        self.body = body
        self.signatures = signatures
    }

    /// Reads an envelope; the body is not looked at. Safe on hostile input.
    public init(decoding bytes: [UInt8]) throws(DocumentError) {
        var reader = DocumentReader(bytes, document: "envelope")
        guard bytes.count <= Limits.manifestByteCountMax else { throw reader.error(.outOfRange, "size") }
        guard try reader.raw(4, "magic").elementsEqual(Self.magic) else { throw reader.error(.invalid, "magic") }
        guard let kind = DocumentKind(rawValue: try reader.u8("kind")) else { throw reader.error(.invalid, "kind") }
        guard bytes.count <= kind.byteCountMax else { throw reader.error(.outOfRange, "size") }
        let bodyCount = Int(try reader.u32("body length"))
        guard bodyCount <= kind.byteCountMax else { throw reader.error(.outOfRange, "body length") }
        let body = Array(try reader.raw(bodyCount, "body"))
        let count = try reader.count(UInt8.self, in: 1...Limits.signatureCountMax, "signatures")
        var signatures: [DocumentSignature] = []
        for _ in 0..<count {
            let keyID = try reader.identifier(Digest.self, "key id")
            let length = Int(try reader.u8("signature length"))
            signatures.append(DocumentSignature(keyID: keyID, bytes: Array(try reader.raw(length, "signature"))))
        }
        try reader.requireEnd()
        self.init(unchecked: kind, body: body, signatures: signatures)
        try validate()
    }

    /// The envelope's bytes.
    public func encode() -> [UInt8] {
        var writer = ByteWriter(reserving: encodedByteCount)
        writer.raw(Self.magic)
        writer.integer(kind.rawValue)
        writer.integer(UInt32(body.count))
        writer.raw(body)
        writer.integer(UInt8(signatures.count))
        for signature in signatures {
            writer.identifier(signature.keyID)
            writer.integer(UInt8(signature.bytes.count))
            writer.raw(signature.bytes)
        }
        return writer.bytes
    }

    /// What the envelope takes.
    public var encodedByteCount: Int {
        Self.headerByteCount + body.count + 1 + signatures.reduce(0) { $0 + Digest.byteCount + 1 + $1.bytes.count }
    }

    /// The digest of the document: over the domain string, a zero byte and the body, not the signatures.
    public func digest(sha256: SHA256Function) -> Digest { Self.digest(kind: kind, body: body, sha256: sha256) }

    /// What a signer signs, and what the document is named by.
    public static func digest(kind: DocumentKind, body: [UInt8], sha256: SHA256Function) -> Digest {
        sha256([Array(kind.domain.utf8), [0], body])
    }

    /// The bytes of which the digest is the SHA-256: for a signer that hashes by itself.
    public var signingInput: [UInt8] { Array(kind.domain.utf8) + [0] + body }

    /// The union of both documents' signatures, of one key the one that `self` has. Of more than there is room for,
    /// those with the lowest key ids are kept, so that all agents come to keep the same.
    /// - Precondition: both have the same kind and body.
    public func merging(_ other: SignedDocument) -> SignedDocument {
        precondition(kind == other.kind && body == other.body, "signatures of two different documents")
        let known = Set(signatures.map(\.keyID))
        let union = (signatures + other.signatures.filter { !known.contains($0.keyID) }).sorted { $0.keyID < $1.keyID }
        var merged = SignedDocument(
            unchecked: kind, body: body, signatures: Array(union.prefix(Limits.signatureCountMax)))
        while merged.encodedByteCount > kind.byteCountMax {
            merged = SignedDocument(unchecked: kind, body: body, signatures: merged.signatures.dropLast())
        }
        return merged
    }

    private static let magic: [UInt8] = [0x53, 0x48, 0x4C, 0x44]
    private static let headerByteCount = 9

    private func validate() throws(DocumentError) {
        func fail(_ code: DocumentError.Code, _ field: String, _ detail: String = "") -> DocumentError {
            DocumentError(code, document: "envelope", field: field, detail: detail)
        }
        guard encodedByteCount <= kind.byteCountMax else {
            throw fail(.outOfRange, "size", "a \(kind) has at most \(kind.byteCountMax) bytes, not \(encodedByteCount)")
        }
        guard (1...Limits.signatureCountMax).contains(signatures.count) else {
            throw fail(.outOfRange, "signatures", "1 to \(Limits.signatureCountMax), not \(signatures.count)")
        }
        guard isAscending(signatures.map(\.keyID)) else {
            throw fail(.invalid, "signatures", "not ascending by key id")
        }
        for signature in signatures {
            guard (Limits.signatureByteCountMin...Limits.signatureByteCountMax).contains(signature.bytes.count) else {
                throw fail(.outOfRange, "signature length")
            }
            guard MinimalDER.isSignature(signature.bytes) else { throw fail(.invalid, "signature", "not minimal DER") }
        }
    }
}
