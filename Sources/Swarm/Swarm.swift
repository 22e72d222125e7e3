import OrderedCollections
public import Units
public import Wire

/// The swarm logic of one agent: who holds what, what to ask whom, whom to serve first, when to give up, whom to dial.
///
/// It does nothing by itself: events and time go in, effects come out, and the same events with the same seed give the
/// same effects. Payload never passes through.
///
///     swarm.handle(event, now: now)
///     while let effect = swarm.nextEffect() { run(effect) }
///
/// A chunk that is needed goes missing → requested → verifying → held, and is in exactly one of these states.
public struct Swarm: Sendable {
    /// This agent.
    public let node: NodeID
    let labels: [String: String]
    /// What the labels name; 0 if they name nothing.
    let place: PlaceKey
    let limits: SwarmLimits
    var random: SplitMix64

    var clock = Instant(nanoseconds: .min)
    /// What is to be done; those before `outboxHead` were taken.
    private var outbox: [SwarmEffect] = []
    private var outboxHead = 0
    var duties: Duties = []
    /// When something must be looked at again. It may lie too early (what it was for has changed), never too late.
    private var alarm = Instant.never
    /// The moment that the shell was last asked to wake the core at, unless that has passed.
    private var wakeAsked = Instant.never

    /// In the order of their coming, which is the order in which they are fetched.
    var exchanges: Table<Digest, VersionExchange> = [:]
    /// In the order of their coming.
    var neighbours: Table<NodeID, Neighbour> = [:]
    /// The next one of the place is not dialled before.
    var ringDialNotBefore: Instant?
    /// Versions that were here, so that a request that crosses LEAVE can be told from an error; oldest first.
    var formerVersions: OrderedDictionary<Digest, Departure> = [:]

    /// Chunks whose hash is being computed, with their length.
    var verifying: [ChunkTicket: Int] = [:]
    /// Bytes that were asked for or are being verified. Invariant: the sum over all requests and `verifying`.
    var unverifiedByteCount = 0
    /// Requests outstanding over all neighbours. Invariant: the sum over them.
    var outstandingRequestCount = 0
    /// Bytes that they are for. Invariant: the sum over them.
    var outstandingByteCount = 0
    /// Of both what was offered, which the usual window does not count. Invariant: the sums over these requests.
    var offered = (count: 0, byteCount: 0)
    /// Invariant: the sum over all neighbours.
    var extraWindow = 0

    var downlink = RateMeter()
    /// The best that the downlink did lately, in bytes a second.
    var downlinkPeak = 0.0
    /// Bytes a second that the shell lets in; nil for all that come.
    var downloadLimit: Double?

    var downlinkGauge = LinkGauge()
    var checkTimes = CheckTimes()

    var uploads: Table<UploadID, ActiveUpload> = [:]
    var uploadSlots: UploadSlots
    /// Of these the late ones. Invariant: as many are marked.
    var lateUploadCount = 0
    /// Requests that wait in the neighbours' queues. Invariant: the sum over them.
    var queuedUploadCount = 0
    var uplink = RateMeter()
    /// The best that the uplink did lately, in bytes a second.
    var uplinkPeak = 0.0
    var serviceCount: UInt64 = 0
    /// How long chunks took to come.
    var turns = Turns()
    var rechecking: OrderedSet<Recheck> = []

    var setAside = SetAsideBook()
    var denied: OrderedSet<NodeID> = []
    var addresses = AddressBook()
    /// When it is looked at whether there are too many neighbours; nil while there are not.
    var shedAt: Instant?

    /// - Parameters:
    ///   - labels: this node's own; compared with those of neighbours to tell near from far.
    ///   - seed: what all chance comes from.
    public init(node: NodeID, labels: [String: String] = [:], limits: SwarmLimits = SwarmLimits(), seed: UInt64) {
        self.node = node
        self.labels = labels
        place = Place.key(of: labels)
        self.limits = limits
        uploadSlots = UploadSlots(limits.uploadCount...max(limits.uploadCount, Limits.uploadCountMax * 3 / 4))
        random = SplitMix64(seed: seed)
    }

    /// Takes one event in. What is to be done about it is then asked for with `nextEffect`.
    /// - Precondition: all effects of the event before were taken, and time does not go back.
    public mutating func handle(_ event: SwarmEvent, now: Instant) {
        precondition(now >= clock, "time moved backwards: \(now) < \(clock)")
        precondition(outboxHead == outbox.count, "drain effects before the next event")
        clock = now
        dispatch(event)
        settle()
        assert(invariantsHold(), "an invariant is broken")
    }

    /// The next thing to do, or nil if nothing is left.
    public mutating func nextEffect() -> SwarmEffect? {
        guard outboxHead < outbox.count else {
            outbox.removeAll(keepingCapacity: true)
            outboxHead = 0
            return nil
        }
        outboxHead += 1
        return outbox[outboxHead - 1]
    }

    /// The number for a request that the shell sends by itself (FETCH, VERSIONS_QUERY, RENEW), which shares the
    /// numbering with REQUEST. Nil if the node is no neighbour. Send it before handing in the next event.
    public mutating func drawRequestNumber(for neighbour: NodeID) -> RequestID? {
        neighbours[neighbour]?.drawRequestNumber()
    }

    mutating func emit(_ effect: SwarmEffect) { outbox.append(effect) }

    mutating func send(_ message: Message, to neighbour: NodeID) { emit(.send(message, to: neighbour)) }

    private mutating func dispatch(_ event: SwarmEvent) {
        switch event {
        case .versionAdded(let plan): addVersion(plan)
        case .versionRemoved(let version, let departure): removeVersion(version, because: departure)
        case .chunksFound(let version, let chunks): takeFound(chunks, of: version)
        case .chunkVerified(let ticket): commit(ticket)
        case .chunkRejected(let ticket): punish(ticket)
        case .chunkWriteFailed(let ticket): pause(ticket)
        case .chunkRechecked(let version, let chunk, let verdict): settleRecheck(version, chunk, verdict)
        case .neighbourConnected(let introduction): admit(introduction)
        case .neighbourLost(let node): forget(node)
        case .neighbourFull(let node): forget(node, because: .full)
        case .neighbourMisbehaved(let node, let reason): expel(node, because: reason)
        case .roundTripMeasured(let node, let duration): noteRoundTrip(duration, of: node)
        case .heard(let node): if let place = neighbours.index(forKey: node) { noteHeard(place) }
        case .nodeDenied(let node): deny(node)
        case .nodeAllowed(let node): allow(node)
        case .received(let message, let node): receive(message, from: node)
        case .dataReceived(let span): absorb(span)
        case .uploadProgressed(let id, let byteCount): noteProgress(of: id, byteCount: byteCount)
        case .uploadFinished(let id): finishUpload(id)
        case .uploadFailed(let id): failUpload(id)
        case .limitsChanged(let rate): limitDownload(to: rate)
        case .peersConfigured(let count): configurePeers(count)
        case .dialFailed(let target, let failure): noteDialFailure(target, failure)
        case .timePassed: passTime()
        }
    }

    private mutating func receive(_ message: Message, from node: NodeID) {
        guard let place = neighbours.index(forKey: node) else { return }
        noteHeard(place)
        switch message {
        case .models(let models): neighbours[node]?.models = models
        case .peers(let peers): learn(peers.entries, from: node)
        case .holdings(let part): takeHoldings(part, from: node)
        case .have(let list): takeHave(list.version, list.chunks, from: node)
        case .withdraw(let list): takeWithdraw(list.version, list.chunks, from: node)
        case .leave(let version): takeLeave(version, from: node)
        case .offer(let reference): takeOffer(reference.version, reference.chunk, from: node)
        case .claim(let claim): takeClaim(claim, from: node)
        case .request(let asked):
            let (version, chunk) = (asked.chunk.version, asked.chunk.chunk)
            takeRequest(.init(request: asked.request, version: version, chunk: chunk), from: node)
        case .cancel(let number): takeCancel(number, from: node)
        case .refuse(let refusal): takeRefusal(refusal, from: node)
        case .bad(let reference): takeBad(reference.version, reference.chunk, from: node)
        default: break  // a sign of life; DATA comes as `dataReceived`
        }
    }

    // MARK: What follows from an event

    /// What must be looked at again before the event is done with.
    struct Duties: OptionSet {
        let rawValue: UInt8
        static let fetch = Duties(rawValue: 1)
        static let upload = Duties(rawValue: 2)
        static let offer = Duties(rawValue: 4)
        static let connect = Duties(rawValue: 8)
    }

    private mutating func settle() {
        if !duties.isEmpty {
            if duties.contains(.offer) { direct() }
            if duties.contains(.fetch) { fetchMore() }
            if duties.contains(.upload) { startUploads() }
            if duties.contains(.connect) { connectMore() }
            if duties.contains(.fetch) { noteHoldUps() }
            duties = []
        }
        askForWake()
    }

    // MARK: Time

    /// Something is due at that moment, and not before unless the core is woken by something else.
    mutating func wake(by moment: Instant) { if moment < alarm { alarm = moment } }

    private mutating func passTime() {
        if wakeAsked <= clock { wakeAsked = .never }
        guard alarm <= clock else { return }
        announceWhatIsDue()
        watchSources()
        expireOffers()
        markLateUploads()
        sharePeers()
        passTurns()
        duties = [.fetch, .upload, .offer]
        considerConnecting()
        shedSurplus()
        alarm = nextDeadline()
    }

    /// Asks to be woken at the alarm, unless the moment asked for before comes first.
    private mutating func askForWake() {
        guard alarm < wakeAsked || wakeAsked <= clock, alarm < .never else { return }
        // What is due was dealt with; asking for this very moment would only spin.
        let moment = max(alarm, clock + .milliseconds(1))
        guard moment < wakeAsked || wakeAsked <= clock else { return }
        wakeAsked = moment
        emit(.wakeAt(moment))
    }

    private func nextDeadline() -> Instant {
        var deadline = min(uploadDeadline, addresses.nextAttempt ?? .never)
        deadline = min(deadline, shedAt ?? .never, ringDialNotBefore ?? .never)
        for place in exchanges.values.indices { deadline = min(deadline, deadlineOfExchange(at: place)) }
        for place in neighbours.values.indices { deadline = min(deadline, deadlineOfNeighbour(at: place)) }
        return deadline
    }

    private func deadlineOfExchange(at place: Int) -> Instant {
        var deadline = exchanges.values[place].announcements.dueAt ?? .never
        if let moment = exchanges.values[place].pausedUntil, moment > clock { deadline = min(deadline, moment) }
        if let since = exchanges.values[place].starvingSince { deadline = min(deadline, since + Swarm.starvation) }
        if let moment = exchanges.values[place].crossings?.nextTurn { deadline = min(deadline, moment) }
        if exchanges.values[place].direction != nil {
            deadline = min(deadline, directionDeadline(of: exchanges.values[place]))
        }
        return deadline
    }

    private func deadlineOfNeighbour(at place: Int) -> Instant {
        var deadline = Instant.never
        if neighbours.values[place].outstandingByteCount > 0 { deadline = watchDeadline(ofNeighbourAt: place) }
        if let moment = neighbours.values[place].backOffUntil { deadline = min(deadline, moment) }
        if neighbours.values[place].peersAreStale {
            deadline = min(deadline, neighbours.values[place].peersDueAt)
        }
        return deadline
    }
}

extension Instant {
    /// Later than anything that happens.
    static let never = Instant(nanoseconds: .max)
}
