import ArgumentParser
import Simulator

/// What goes wrong, on the command line. Times are in limits: 0.5 is half of the time that a perfect run takes.
struct FaultOptions: ParsableArguments {
    @Option(help: "One node's links have this part of the usual rate.") var slowNode: Double?
    @Option(help: "Parts of the usual rate that the nodes' links have in turn, for example 0.5,1,2.")
    var nodeRates: FactorList?
    @Option(help: "One node hashes and writes so much a second.") var slowDisk: ByteSize?
    @Option(help: "The seed's process ends then (times are shares of the limit).") var killSeedAt: Double?
    @Option(help: "One node's process ends then.") var killNodeAt: Double?
    @Option(help: "This part of the nodes is replaced by new ones, at half time unless --replace-at says when.")
    var replace: Double?
    @Option(help: "When nodes are replaced.") var replaceAt = 0.5
    @Option(help: "One more node comes then.") var newcomerAt: Double?
    @Flag(help: "One more node comes when all are done, at twice the limit.") var newcomer = false
    @Option(help: "One node's link swallows everything from then on.") var blackHoleAt: Double?
    @Option(help: "One half of the nodes is cut off from the other from then on.") var partitionAt: Double?
    @Option(help: "One node's process stands still from then on.") var freezeAt: Double?
    @Option(help: "When a black hole, a partition or a standstill ends; without it a black hole never does.")
    var healAt: Double?
    @Option(help: "One node sends wrong bytes in one chunk of so many.") var damage: Int?

    func faults(nodeCount: Int, seedCount: Int) throws -> [Fault] {
        var faults: [Fault] = []
        // The same places in each run, so that runs can be compared: a third of the way through the nodes.
        let victim = seedCount + nodeCount / 3
        if let slowNode { faults.append(.slowLink(victim, factor: try positive(slowNode, "--slow-node"))) }
        if let nodeRates {
            for number in 0..<nodeCount {
                let factor = nodeRates.factors[number % nodeRates.factors.count]
                faults.append(.slowLink(seedCount + number, factor: factor))
            }
        }
        if let slowDisk { faults.append(.slowDisk(victim, bytesPerSecond: Double(slowDisk.byteCount))) }
        if let killSeedAt { faults.append(.kill(0, at: killSeedAt)) }
        if let killNodeAt { faults.append(.kill(victim, at: killNodeAt)) }
        if let replace {
            guard (0...1).contains(replace) else { throw ValidationError("--replace takes 0 to 1") }
            for number in 0..<Int((replace * Double(nodeCount)).rounded()) {
                faults.append(.kill(seedCount + (nodeCount / 3 + number) % nodeCount, at: replaceAt))
                faults.append(.join(at: replaceAt))
            }
        }
        if let newcomerAt { faults.append(.join(at: newcomerAt)) }
        if newcomer { faults.append(.join(at: 2)) }
        if let blackHoleAt { faults.append(.blackHole(victim, from: blackHoleAt, until: healAt)) }
        if let partitionAt {
            let part = Set((0..<seedCount + nodeCount).filter { $0 % 2 == 1 })
            faults.append(.partition(part, from: partitionAt, until: try end("--partition-at")))
        }
        if let freezeAt { faults.append(.freeze(victim, from: freezeAt, until: try end("--freeze-at"))) }
        if let damage { faults.append(.damage(victim, oneIn: max(1, damage))) }
        return faults
    }

    private func positive(_ value: Double, _ name: String) throws -> Double {
        guard value > 0 else { throw ValidationError("\(name) takes a number above 0") }
        return value
    }

    private func end(_ name: String) throws -> Double {
        guard let healAt else { throw ValidationError("\(name) needs --heal-at, or nobody would ever be complete") }
        return healAt
    }
}
