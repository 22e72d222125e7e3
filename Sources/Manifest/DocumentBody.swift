public import Units

/// The SHA-256 of the pieces, one after the other. The pure floors have no hash function; the caller passes Crypto's.
public typealias SHA256Function = @Sendable (_ pieces: [[UInt8]]) -> Digest

/// What is inside a signed document's envelope. Values are checked when they are made, so `encode()` cannot fail.
public protocol DocumentBody: Hashable, Sendable {
    /// The kind that the envelope names.
    static var kind: DocumentKind { get }

    /// Reads the canonical encoding and nothing else. Safe on hostile input, but meant for bytes whose signatures were
    /// checked.
    /// - Throws: `.unknownFormat` (upgrade this agent), or another code (the bytes are no document; the sender is to
    ///   blame).
    init(body: [UInt8], sha256: SHA256Function) throws(DocumentError)

    /// The canonical bytes.
    func encode() -> [UInt8]
}

extension DocumentBody {
    /// The digest of the document: what it is named by and what is signed.
    public func digest(sha256: SHA256Function) -> Digest {
        SignedDocument.digest(kind: Self.kind, body: encode(), sha256: sha256)
    }
}
