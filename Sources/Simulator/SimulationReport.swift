import Units

/// What came out of a run.
public struct SimulationReport: Sendable {
    /// Nodes that were to complete, and how many did.
    public var nodeCount = 0
    /// See `nodeCount`.
    public var completeCount = 0
    /// Seconds that a perfect run takes.
    public var limitSeconds = 0.0
    /// Seconds until each node that wanted the version from the start was complete, ascending; doomed ones left out.
    public var completionSeconds: [Double] = []
    /// The same of those that joined later, since they wanted it.
    public var joinerSeconds: [Double] = []
    /// Payload that the seed sent, in copies of the version.
    public var seedCopies = 0.0
    /// Payload into each rack but the seed's, in copies.
    public var rackCopies: [Double] = []
    /// Payload that a node received, in copies: mean and worst.
    public var receivedCopies = (mean: 0.0, worst: 0.0)
    /// Bytes on the links, with headers, per node and in copies.
    public var wireSentCopies = 0.0
    /// See `wireSentCopies`.
    public var wireReceivedCopies = 0.0
    /// Bytes of control frames that a node sent on average.
    public var controlByteCountPerNode = 0.0
    /// The most unverified bytes that an agent had.
    public var unverifiedByteCountPeak = 0
    /// Requests of all nodes, and of them those that were given up.
    public var requestCount = 0
    /// See `requestCount`.
    public var givenUpCount = 0
    /// What happened in the simulator, and what the cores were told.
    public var happeningCount = 0
    /// See `happeningCount`.
    public var eventCount = 0
    /// One number for everything that all agents did. Equal scenarios give equal numbers.
    public var digest: UInt64 = 0
    /// Rules that were broken; empty if all is well.
    public var violations: [Violation] = []
    /// The links' use over time: for each sample its share of what the links can carry.
    public var linkUse = LinkUse()

    /// Shares of what the links can carry, one for each sample.
    public struct LinkUse: Sendable {
        /// Seconds between two samples.
        public var stepSeconds = 0.0
        /// The seed's uplink.
        public var seedUp: [Double] = []
        /// All other nodes' uplinks.
        public var nodesUp: [Double] = []
        /// All other nodes' downlinks.
        public var nodesDown: [Double] = []
        /// The racks' uplinks.
        public var racks: [Double] = []
    }

    /// The first, the median, the 95th of a hundred or the last of the completion times; 0 if nobody is complete.
    public func seconds(atShare share: Double) -> Double {
        guard !completionSeconds.isEmpty else { return 0 }
        let place = Int((share * Double(completionSeconds.count - 1)).rounded(.up))
        return completionSeconds[place]
    }

    /// The last node's time over the limit.
    public var lastOverLimit: Double { seconds(atShare: 1) / limitSeconds }
}

extension Simulation {
    /// What has come out so far.
    public func report() -> SimulationReport {
        var report = SimulationReport()
        report.limitSeconds = setting.limit.inSeconds
        report.digest = 0xCBF2_9CE4_8422_2325
        var (sent, received, control, receiverCount) = (0, 0, 0, 0)
        let bytes = Double(setting.scenario.byteCount)
        for profile in setting.profiles {
            let node = node(profile.index)
            report.digest = (report.digest ^ node.digest) &* 0x0000_0100_0000_01B3
            report.eventCount += node.ledger.eventCount
            report.requestCount += node.ledger.requestCount
            report.givenUpCount += node.ledger.givenUpCount
            report.unverifiedByteCountPeak = max(report.unverifiedByteCountPeak, node.ledger.unverifiedByteCountPeak)
            sent += node.ledger.wireSentByteCount
            received += node.ledger.wireReceivedByteCount
            control += node.ledger.controlByteCount
            if profile.isSeed { report.seedCopies += Double(node.ledger.sentByteCount) / bytes }
            guard !profile.isSeed, !profile.isDoomed else { continue }
            receiverCount += 1
            let copies = Double(node.ledger.receivedByteCount) / bytes
            report.receivedCopies.mean += copies
            report.receivedCopies.worst = max(report.receivedCopies.worst, copies)
            guard let completedAt = node.completedAt else { continue }
            report.completeCount += 1
            let seconds = (completedAt - (profile.isJoiner ? profile.planAt : setting.origin)).inSeconds
            if profile.isJoiner {
                report.joinerSeconds.append(seconds)
            } else {
                report.completionSeconds.append(seconds)
            }
        }
        report.nodeCount = receiverCount
        report.completionSeconds.sort()
        report.joinerSeconds.sort()
        report.receivedCopies.mean /= Double(max(1, receiverCount))
        report.wireSentCopies = Double(sent) / bytes / Double(max(1, receiverCount))
        report.wireReceivedCopies = Double(received) / bytes / Double(max(1, receiverCount))
        report.controlByteCountPerNode = Double(control) / Double(setting.profiles.count)
        report.happeningCount = shards.reduce(0) { $0 + $1.eventCount }
        addRacks(to: &report)
        addUse(to: &report)
        report.violations = shards.flatMap { $0.violations } + finalViolations(report)
        return report
    }

    private func addRacks(to report: inout SimulationReport) {
        guard setting.scenario.rackCount > 1 else { return }
        let bytes = Double(setting.scenario.byteCount)
        report.rackCopies = (1..<setting.scenario.rackCount).map { rack in
            shards.reduce(0) { $0 + Double($1.rackPayloadByteCounts[rack]) } / bytes
        }
    }

    private func addUse(to report: inout SimulationReport) {
        var samples = LinkSamples(origin: setting.origin, width: setting.sampleWidth)
        for shard in shards { samples.add(shard.samples) }
        let width = Double(setting.sampleWidth)
        let seed = width / setting.profiles[0].nanosecondsPerByte
        let others = setting.profiles.dropFirst().reduce(0) { $0 + width / $1.nanosecondsPerByte }
        report.linkUse.stepSeconds = setting.sampleWidth.inSeconds
        report.linkUse.seedUp = samples.seedSent.map { Double($0) / seed }
        report.linkUse.nodesUp = samples.othersSent.map { Double($0) / others }
        report.linkUse.nodesDown = samples.othersReceived.map { Double($0) / others }
        if let nanoseconds = setting.rackNanosecondsPerByte {
            let racks = width / nanoseconds * Double(setting.scenario.rackCount)
            report.linkUse.racks = samples.crossed.map { Double($0) / racks }
        }
    }

    /// What can be told only when all is over.
    private func finalViolations(_ report: SimulationReport) -> [Violation] {
        guard isOver, shards.allSatisfy({ $0.violations.isEmpty }) else { return [] }
        var found: [Violation] = []
        func add(_ kind: Violation.Kind, _ node: Int, _ detail: String) {
            found.append(Violation(kind: kind, node: node, seconds: seconds, detail: detail))
        }
        for profile in setting.profiles where !profile.isDoomed && found.count < 16 {
            let node = node(profile.index)
            if node.completedAt == nil {
                add(.late, profile.index, "\(node.ledger.storedCount) of \(setting.chunkByteCounts.count) chunks")
            } else if node.ledger.unverifiedByteCount != 0 {
                add(.unanswered, profile.index, "\(node.ledger.unverifiedByteCount) bytes are asked for at the end")
            }
        }
        if let bound = setting.scenario.seedCopiesMax, report.seedCopies > bound {
            add(.copies, 0, "the seeds sent \(report.seedCopies) copies")
        }
        if let bound = setting.scenario.receivedCopiesMax, report.receivedCopies.worst > bound {
            add(.copies, 0, "a node received \(report.receivedCopies.worst) copies")
        }
        return found
    }
}
