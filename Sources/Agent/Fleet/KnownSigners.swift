internal import Crypto
internal import Synchronization
internal import Units

/// A node whose certificate was checked, and its key ready for use.
struct KnownSigner: Sendable {
    let certificate: Certificate
    let fields: NodeIdentityFields
    let key: SignatureVerifier
}

/// Signers of earlier status records: the next ones come with the same certificates. To read and check one and to make
/// its key ready takes ten times as long as to check a signature.
final class KnownSigners: Sendable {
    private struct Known {
        var signers: [NodeID: KnownSigner] = [:]
        /// Under which they were checked.
        var authorities: [Certificate] = []
    }

    private let known = Mutex(Known())

    /// The node, if `der` is its certificate as it was checked under these authorities, and good now.
    func signer(_ node: NodeID, _ der: [UInt8], among authorities: [Certificate], at now: WallTime) -> KnownSigner? {
        known.withLock { known in
            guard known.authorities == authorities, let signer = known.signers[node], signer.certificate.der == der,
                signer.certificate.validity.contains(now), authorities.allSatisfy({ $0.validity.contains(now) })
            else { return nil }
            return signer
        }
    }

    /// It was checked. What is too much takes the place of any other.
    func keep(_ signer: KnownSigner, among authorities: [Certificate]) {
        known.withLock { known in
            if known.authorities != authorities { known = Known(authorities: authorities) }
            if known.signers.count >= Limits.statusSignerCountMax, let any = known.signers.keys.first {
                known.signers[any] = nil
            }
            known.signers[signer.fields.node] = signer
        }
    }
}
