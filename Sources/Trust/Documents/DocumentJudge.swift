internal import Manifest
internal import Units

/// Judging without a database: what a newcomer and the start of an agent need.
enum DocumentJudge {
    /// A root that a token pinned.
    static func pinnedRoot(_ envelope: [UInt8], pin: Digest) throws(TrustError) -> Verified<Root> {
        do throws(DocumentRefusal) {
            return try Verified.pinned(envelope, digest: pin, checks: DocumentCrypto.checks)
        } catch {
            throw TrustError(.invalid, "the root document is not the one that the token names: \(error)")
        }
    }

    /// The chain of roots as it lies on disk. The first is taken at the disk's word: it was pinned when it came.
    static func chain(_ stored: [(version: UInt32, envelope: [UInt8])]) throws(TrustError) -> [Verified<Root>] {
        var chain: [Verified<Root>] = []
        do {
            for root in stored {
                if let last = chain.last {
                    chain.append(try last.successor(root.envelope, checks: DocumentCrypto.checks))
                } else {
                    let digest = try SignedDocument(decoding: root.envelope).digest(sha256: DocumentCrypto.sha256)
                    chain.append(try Verified.pinned(root.envelope, digest: digest, checks: DocumentCrypto.checks))
                }
            }
        } catch {
            throw TrustError(.invalid, "the root documents on disk are damaged: \(error); restore them, or join anew")
        }
        return chain
    }
}
