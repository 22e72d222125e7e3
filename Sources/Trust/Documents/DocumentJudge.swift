internal import Crypto
internal import Manifest
internal import Units

/// Judging roots: what a newcomer and the start of an agent need.
enum DocumentJudge {
    /// A root that a token pinned.
    static func pinnedRoot(_ envelope: [UInt8], pin: Digest) throws(TrustError) -> Verified<Root> {
        do throws(DocumentRefusal) {
            return try Verified.pinned(envelope, digest: pin, checks: DocumentCrypto.checks)
        } catch {
            let next = "make another token there with `shoal token create`"
            if case .otherDocument = error {
                throw TrustError(.invalid, "the cluster's root is not the one that the token names; \(next)")
            }
            throw fault(in: "the cluster's root", error, next)
        }
    }

    /// The chain of roots as it lies on disk, ascending. The first is taken at the disk's word: it was pinned when it
    /// came.
    static func chain(_ stored: [(version: UInt32, envelope: [UInt8])]) throws(TrustError) -> [Verified<Root>] {
        var chain: [Verified<Root>] = []
        for root in stored {
            let name = "documents/root/\(root.version).doc"
            let next: Verified<Root>
            do throws(DocumentRefusal) {
                if let last = chain.last {
                    next = try last.successor(root.envelope, checks: DocumentCrypto.checks)
                } else {
                    next = try first(root.envelope)
                }
            } catch {
                throw fault(in: name, error, "restore it from a backup, or join anew")
            }
            guard next.value.version == root.version else {
                throw TrustError(
                    .invalid, "\(name) holds root \(next.value.version); restore it from a backup, or join anew")
            }
            chain.append(next)
        }
        return chain
    }

    /// The CA certificates of a root.
    static func authorities(of root: Root) throws(TrustError) -> [Certificate] {
        do throws(CryptoError) {
            return try root.certificates.map { (der) throws(CryptoError) in try Certificate(der: der) }
        } catch {
            throw TrustError(.invalid, "a CA certificate of root \(root.version) is damaged: \(error)")
        }
    }

    private static func first(_ envelope: [UInt8]) throws(DocumentRefusal) -> Verified<Root> {
        let digest: Digest
        do throws(DocumentError) {
            digest = try SignedDocument(decoding: envelope).digest(sha256: DocumentCrypto.sha256)
        } catch {
            throw .malformed(error)
        }
        return try Verified.pinned(envelope, digest: digest, checks: DocumentCrypto.checks)
    }

    private static func fault(in name: String, _ refusal: DocumentRefusal, _ next: String) -> TrustError {
        if case .unknownFormat = refusal {
            return TrustError(.newerFormat, "\(name) was written by a newer Shoal: upgrade this machine first")
        }
        return TrustError(.invalid, "\(name) is damaged: \(refusal); \(next)")
    }
}
