import Manifest
import Rollout
import Units

/// Nodes, versions and heads by number.
enum Fleets {
    static func node(_ number: Int) -> NodeID {
        // Spread over the whole range, as hashes are.
        var random = SplitMix64(seed: UInt64(number))
        return NodeID(exactly: (0..<16).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    }

    static func version(_ byte: UInt8) -> Digest { Digest(exactly: Array(repeating: byte, count: 32)) }

    static func place(_ number: Int, labels: [String: String] = [:]) -> NodePlace {
        NodePlace(node: node(number), name: "node-\(number)", labels: labels)
    }

    static func head(_ plan: RolloutPlan, version byte: UInt8 = 2, counter: UInt64 = 1) -> Head {
        guard let model = ModelName("detect") else { preconditionFailure("detect is a model") }
        do throws(DocumentError) {
            return try Head(
                cluster: ClusterID(exactly: Array(repeating: 7, count: 16)), rootVersion: 1,
                channel: ModelChannel(model: model, channel: .stable), rank: Rank(epoch: 1, counter: counter),
                version: version(byte), issued: WallTime(secondsSince1970: 1_000),
                expires: WallTime(secondsSince1970: 2_000), rollout: plan)
        } catch { preconditionFailure("\(error)") }
    }

    static func ring(_ selector: String, _ share: UInt16 = 1_000, wait: UInt32 = 0) -> Ring {
        Ring(selector: selector, sharePerMille: share, waitSeconds: wait)
    }

    static func member(
        _ number: Int, serves byte: UInt8? = nil, isProven: Bool = true, failed: UInt8? = nil, isReporting: Bool = true,
        labels: [String: String] = [:]
    ) -> FleetMember {
        FleetMember(
            place: place(number, labels: labels), isReporting: isReporting, served: byte.map(version),
            isProven: isProven, failed: failed.map(version))
    }
}
