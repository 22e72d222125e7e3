import Manifest
import Units

/// A head or a deny record on its way through the cluster. Signatures are taken as right.
final class SimulatedDocument: Sendable {
    enum Content: Sendable {
        case head(Head)
        case deny(DenyRecord)
    }

    let content: Content
    let rank: Rank
    /// In place of the digest, which decides between two of equal rank.
    let digest: UInt64

    init(_ content: Content) {
        self.content = content
        let bytes: [UInt8]
        switch content {
        case .head(let head): (rank, bytes) = (head.rank, head.encode())
        case .deny(let record): (rank, bytes) = (record.rank, record.encode())
        }
        digest = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    var head: Head? { if case .head(let head) = content { head } else { nil } }
    var record: DenyRecord? { if case .deny(let record) = content { record } else { nil } }
    var isHead: Bool { head != nil }
    /// Whether it shuts its subject out.
    var isDenial: Bool { record?.state == .denied }

    /// Whether an agent that has the other one takes this one in its place: `documents.md`, sections 6 and 7.
    func outranks(_ other: SimulatedDocument?) -> Bool {
        guard let other else { return true }
        if rank != other.rank { return rank > other.rank }
        if isDenial != other.isDenial { return isDenial }
        return digest < other.digest
    }
}
