public import Units

/// A document that is pushed: a root, a head or a deny record.
public struct DocumentFrame: Hashable, Sendable {
    /// What the envelope holds; the numbers are those of `documents.md`.
    public enum Kind: UInt8, Hashable, Sendable {
        /// A root.
        case root = 1
        /// A head.
        case head = 3
        /// A deny record.
        case deny = 4

        /// The largest envelope.
        var byteCountMax: Int { self == .root ? Limits.rootByteCountMax : Limits.smallDocumentByteCountMax }
    }

    /// What the envelope holds, as the sender says; verification compares.
    public let kind: Kind
    /// The document's envelope, unverified.
    public let envelope: [UInt8]

    /// - Precondition: the envelope is within the kind's bound.
    public init(kind: Kind, envelope: [UInt8]) {
        precondition(envelope.count <= kind.byteCountMax, "a \(kind) of \(envelope.count) bytes")
        self.kind = kind
        self.envelope = envelope
    }
}

/// Asks which versions of a model the receiver knows.
public struct VersionsQuery: Hashable, Sendable {
    /// The question's number.
    public let request: RequestID
    /// The model.
    public let model: ModelName

    /// A question.
    public init(request: RequestID, model: ModelName) {
        self.request = request
        self.model = model
    }
}

/// The manifests that the sender has of a model.
public struct Versions: Hashable, Sendable {
    /// The question's number.
    public let request: RequestID
    /// Manifest digests, at most 512; none if the sender knows no version.
    public let manifests: [Digest]

    /// Of more than 512 the first 512 are kept.
    public init(request: RequestID, manifests: [Digest]) {
        self.request = request
        self.manifests = Array(manifests.prefix(Limits.versionsCountMax))
    }
}

/// Asks for a manifest or a layout.
public struct Fetch: Hashable, Sendable {
    /// What is asked for.
    public enum Kind: UInt8, Hashable, Sendable {
        /// A manifest's envelope.
        case manifest = 2
        /// A layout.
        case layout = 5

        /// The most bytes that the answer may have.
        public var byteCountMax: Int { self == .manifest ? Limits.manifestByteCountMax : Limits.layoutByteCountMax }
    }

    /// The question's number.
    public let request: RequestID
    /// What is asked for.
    public let kind: Kind
    /// The digest of the manifest or of the layout.
    public let digest: Digest

    /// A question.
    public init(request: RequestID, kind: Kind, digest: Digest) {
        self.request = request
        self.kind = kind
        self.digest = digest
    }
}

/// A part of what FETCH asked for; parts come in order.
public struct Part: Hashable, Sendable {
    /// The question's number.
    public let request: RequestID
    /// The bytes of the whole answer. The codec bounds it by 48 MiB; whoever asked knows the kind and bounds it closer.
    public let total: UInt32
    /// Where this part begins.
    public let offset: UInt32
    /// 1 to 16,384 bytes, not beyond `total`.
    public let bytes: [UInt8]

    /// - Precondition: the bounds above.
    public init(request: RequestID, total: UInt32, offset: UInt32, bytes: [UInt8]) {
        precondition((1...Limits.dataFrameByteCount).contains(bytes.count), "a part of \(bytes.count) bytes")
        precondition(Int(offset) + bytes.count <= Int(total), "\(offset) + \(bytes.count) is beyond \(total)")
        self.request = request
        self.total = total
        self.offset = offset
        self.bytes = bytes
    }
}

/// The answer to FETCH, VERSIONS_QUERY or RENEW is no.
public struct Absent: Hashable, Sendable {
    /// Why.
    public enum Reason: UInt8, Hashable, Sendable {
        /// The receiver does not have it.
        case notHeld = 1
        /// Too much is open; ask again later.
        case notNow = 2
        /// The asker may not have it.
        case notAllowed = 3
    }

    /// The question's number.
    public let request: RequestID
    /// Why.
    public let reason: Reason

    /// An answer.
    public init(request: RequestID, reason: Reason) {
        self.request = request
        self.reason = reason
    }
}

/// The answer to RENEW.
public struct CertificateFrame: Hashable, Sendable {
    /// The question's number.
    public let request: RequestID
    /// In DER, 1 to 2,048 bytes; unverified.
    public let certificate: [UInt8]

    /// - Precondition: the bound above.
    public init(request: RequestID, certificate: [UInt8]) {
        precondition(
            (1...Limits.certificateFrameByteCountMax).contains(certificate.count),
            "a certificate of \(certificate.count) bytes")
        self.request = request
        self.certificate = certificate
    }
}
