import Fleet
import Manifest
import Units
import Wire

/// Names and values that stand for a cluster's.
enum Simulated {
    static let cluster = ClusterID(exactly: Array(repeating: 7, count: 16))
    static let channel: ModelChannel = {
        guard let model = ModelName("acme/words") else { preconditionFailure("acme/words is a name") }
        return ModelChannel(model: model, channel: .stable)
    }()
    /// In the size of a real one.
    private static let certificate: [UInt8] = Array(repeating: 3, count: 640)
    private static let signature: [UInt8] = Array(repeating: 1, count: 71)

    static func nodeName(_ index: Int) -> NodeName {
        guard let name = NodeName("node-\(index)") else { preconditionFailure("node-\(index) is a name") }
        return name
    }

    /// The digest of the n-th version: as evenly spread as real ones.
    static func digest(_ number: Int) -> Digest {
        var random = SplitMix64(seed: UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
        return Digest(exactly: (0..<4).flatMap { _ in bigEndianBytes(random.next()) })
    }

    /// The date when the simulated clock says so; the clock starts in the year 2027.
    static func wallTime(at now: Nanoseconds) -> WallTime {
        WallTime(secondsSince1970: 1_800_000_000 + now / 1_000_000_000)
    }

    /// A record with a signature that is none.
    static func signed(_ record: StatusRecord) -> HeldStatus {
        let signed = SignedStatus(body: record.encode(), signature: signature).encode()
        return HeldStatus(record: record, signed: signed, certificate: certificate)
    }
}

extension NodeID {
    static func random(_ random: inout SplitMix64) -> NodeID {
        NodeID(exactly: bigEndianBytes(random.next()) + bigEndianBytes(random.next()))
    }
}

private func bigEndianBytes(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) }
}

/// Who is connected to whom.
enum RandomGraph {
    /// A ring, so that it is in one piece, and chords: about `degree` edges at each node.
    static func edges(nodeCount: Int, degree: Int, _ random: inout SplitMix64) -> [(Int, Int)] {
        guard nodeCount > 1 else { return [] }
        var edges: [(Int, Int)] = []
        var known: Set<[Int]> = []
        func add(_ left: Int, _ right: Int) {
            guard left != right, known.insert([min(left, right), max(left, right)]).inserted else { return }
            edges.append((left, right))
        }
        for node in 0..<nodeCount { add(node, (node + 1) % nodeCount) }
        for node in 0..<nodeCount {
            for _ in 0..<max(0, degree / 2 - 1) { add(node, Int.random(in: 0..<nodeCount, using: &random)) }
        }
        return edges
    }
}
