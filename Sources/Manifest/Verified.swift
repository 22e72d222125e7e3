public import Units

/// The cryptography that verification needs; `Crypto` gives it, since the pure floors have none.
public struct DocumentChecks: Sendable {
    /// SHA-256 of the pieces, one after the other.
    public let sha256: SHA256Function
    /// True if `signature` (DER) over `digest` is by the key with this SubjectPublicKeyInfo (DER).
    public let isValid: @Sendable (_ signature: [UInt8], _ digest: Digest, _ publicKey: [UInt8]) -> Bool

    /// Both functions.
    public init(
        sha256: @escaping SHA256Function,
        isValid: @escaping @Sendable (_ signature: [UInt8], _ digest: Digest, _ publicKey: [UInt8]) -> Bool
    ) {
        self.sha256 = sha256
        self.isValid = isValid
    }
}

/// Why a document was not accepted.
public enum DocumentRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes are no document of this kind.
    case malformed(DocumentError)
    /// A signature under a key that the root lists is wrong.
    case wrongSignature(keyID: Digest)
    /// Signed for another cluster.
    case otherCluster(ClusterID)
    /// A genuine document in a format that this build does not know: upgrade this agent.
    case unknownFormat(DocumentError)
    /// Too few entitled keys signed it, as far as the receiver's root knows.
    case notEntitled(signers: Int, threshold: Int)
    /// Signed under a root that the receiver does not have yet.
    case newerRootNeeded(version: UInt32)
    /// The epoch is above that of the receiver's root.
    case epochTooHigh(epoch: UInt32, newest: UInt32)
    /// A root that is not the next one; older ones are no fault.
    case notTheNextRoot(version: UInt32, expected: UInt32)
    /// A root with a lower epoch than the one before.
    case epochWentBack(epoch: UInt32, before: UInt32)
    /// Another document than the one that was asked for.
    case otherDocument(digest: Digest)

    /// True if whoever sent it broke the protocol: GOODBYE `badDocument`, and set aside. Otherwise drop it.
    public var blamesSender: Bool {
        switch self {
        case .malformed, .wrongSignature, .epochTooHigh, .epochWentBack, .otherDocument: true
        case .unknownFormat, .otherCluster, .notEntitled, .newerRootNeeded, .notTheNextRoot: false
        }
    }

    init(_ error: DocumentError) { self = error.code == .unknownFormat ? .unknownFormat(error) : .malformed(error) }

    /// For people.
    public var description: String {
        switch self {
        case .malformed(let error), .unknownFormat(let error): error.description
        case .wrongSignature(let keyID): "the signature of key \(keyID.short) is wrong"
        case .otherCluster(let cluster): "signed for another cluster, \(cluster)"
        case .notEntitled(let signers, let threshold):
            "\(signers) entitled keys signed it, and the root asks for \(threshold)"
        case .newerRootNeeded(let version): "signed under root \(version), which is not here yet"
        case .epochTooHigh(let epoch, let newest): "epoch \(epoch) is above the root's, \(newest)"
        case .notTheNextRoot(let version, let expected): "root \(version) came where \(expected) was expected"
        case .epochWentBack(let epoch, let before): "epoch \(epoch) is below that of the root before, \(before)"
        case .otherDocument(let digest): "document \(digest.short) came instead of the one that was asked for"
        }
    }
}

/// A document whose signatures were checked and found enough. Only this target makes one, so to hold one is the proof.
public struct Verified<Value: DocumentBody>: Hashable, Sendable {
    /// What it says.
    public let value: Value
    /// What it is named by.
    public let digest: Digest
    /// The body, and those of its signatures that are valid and by keys that the root lists. `encode()` gives the bytes
    /// to store and to pass on.
    public let document: SignedDocument

    init(value: Value, digest: Digest, document: SignedDocument) {
        self.value = value
        self.digest = digest
        self.document = document
    }

    /// The envelope, to store and to pass on.
    public var envelope: [UInt8] { document.encode() }

    /// The same document with the signatures of both.
    /// - Precondition: both have the same digest.
    public func merging(_ other: Verified<Value>) -> Verified<Value> {
        precondition(digest == other.digest, "two documents: \(digest.short) and \(other.digest.short)")
        return Verified(value: value, digest: digest, document: document.merging(other.document))
    }
}
