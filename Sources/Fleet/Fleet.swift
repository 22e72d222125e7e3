import DequeModule
import OrderedCollections
public import Units
import Wire

/// What each node of the cluster says of itself, and how that spreads: `wire.md`, section 4, "Status".
///
/// Pure: events and time go in, effects come out. A record travels as its name first; whoever lacks it asks one of
/// those that named it. So each record crosses each connection once at most, and its name twice.
public struct Fleet: Sendable {
    /// This node.
    public let node: NodeID
    /// The newest of each node, this one included.
    public internal(set) var rows: [NodeID: FleetRow] = [:]

    var neighbours = NeighbourTable()
    var inquiries: [NodeID: Inquiry] = [:]
    /// When answers are late, the oldest question first.
    var deadlines: Deque<(at: Instant, node: NodeID)> = []
    var checkCount = 0
    var denied: Set<NodeID> = []
    /// Nodes that an operator had forgotten, with the record that they had.
    var forgotten: OrderedDictionary<NodeID, StatusStamp> = [:]
    var report = ReportClock()
    /// When names go out, when those do that say nothing new, and when questions do.
    var newsAt: Instant?
    var renewalsAt: Instant?
    var questionsAt: Instant?
    var nextExpiry: Instant?
    var effects: [FleetEffect] = []
    private var announcedWake: Instant?

    /// A node that knows of nobody yet.
    public init(node: NodeID) { self.node = node }

    /// One in the midst of its life: it has these rows, its own among them, and its neighbours have them too. For
    /// simulations of clusters that are too large to be watched from their first moment on.
    public init(node: NodeID, knowing rows: [NodeID: FleetRow], with neighbours: [NodeID], now: Instant) {
        self.node = node
        self.rows = rows
        report.lastAt = rows[node]?.heardAt
        report.hasChanged = report.lastAt == nil
        for neighbour in neighbours { self.neighbours.add(neighbour, Acquaintance(now: now)) }
    }

    /// Takes one event, and says what is to be done.
    public mutating func handle(_ event: FleetEvent, now: Instant) -> [FleetEffect] {
        effects = []
        take(event, now: now)
        flush(now: now)
        giveUpLateQuestions(now: now)
        expireRows(now: now)
        reportIfDue(now: now)
        announceWake(now: now)
        return effects
    }

    private mutating func take(_ event: FleetEvent, now: Instant) {
        switch event {
        case .joined(let neighbour): join(neighbour, now: now)
        case .left(let neighbour): leave(neighbour, now: now)
        case .news(let news, let neighbour): hear(news, from: neighbour, now: now)
        case .query(let questions, let neighbour): answer(questions, to: neighbour, now: now)
        case .status(let frame, let neighbour): receive(frame, from: neighbour, now: now)
        case .checked(let node, let stamp, let verdict): judge(node, stamp, verdict, now: now)
        case .reported(let status): tell(status, now: now)
        case .changed: report.hasChanged = true
        case .denied(let node, true): deny(node)
        case .denied(let node, false): denied.remove(node)
        case .forgotten(let node): forget(node)
        case .woken: announcedWake = nil
        }
    }

    /// How old what is known of a node is; nil if nothing is.
    public func age(of node: NodeID, now: Instant) -> Duration? {
        node == self.node ? .zero : rows[node].map { max(.zero, now - $0.heardAt) }
    }

    /// Whether a node has reported as often as it should.
    public func isReporting(_ node: NodeID, now: Instant) -> Bool {
        guard let age = age(of: node, now: now) else { return false }
        return age < reportPause * Limits.statusPauseCountSilent
    }

    /// From one record of a node to its next, without a change.
    public var reportPause: Duration {
        max(Limits.statusPauseMin, Limits.statusPausePerNode * rows.count)
    }

    private static func earlier(_ left: Instant?, _ right: Instant?) -> Instant? {
        guard let left, let right else { return left ?? right }
        return min(left, right)
    }

    private mutating func announceWake(now: Instant) {
        let names = Self.earlier(newsAt, renewalsAt)
        let batch = Self.earlier(Self.earlier(names, questionsAt), deadlines.first?.at)
        let next = Self.earlier(batch, Self.earlier(nextExpiry, reportDueAt(now: now)))
        guard let next, next != announcedWake else { return }
        announcedWake = next
        effects.append(.wakeAt(max(next, now)))
    }
}

/// A neighbour, as far as status goes.
struct Acquaintance: Sendable {
    /// Records to be named to it. None is in both queues: a frame names each once.
    private(set) var news = NodeQueue()
    /// The same of those that say nothing new, which come after them.
    private(set) var renewals = NodeQueue()
    /// Nodes to ask it about.
    var questions = NodeQueue()
    var newsAllowance: Allowance
    var queryAllowance: Allowance
    var answerAllowance: Allowance
    var heardAllowance: Allowance

    init(now: Instant) {
        newsAllowance = Allowance(burst: Limits.statusNewsBurst, perSecond: Limits.statusNewsPerSecond, now: now)
        queryAllowance = Allowance(burst: Limits.statusQueryBurst, perSecond: Limits.statusQueryPerSecond, now: now)
        answerAllowance = Allowance(burst: Limits.statusAnswerBurst, perSecond: Limits.statusAnswersPerSecond, now: now)
        heardAllowance = Allowance(burst: Limits.statusHeardBurst, perSecond: Limits.statusHeardPerSecond, now: now)
    }

    /// It is to hear of a record soon.
    mutating func tell(of node: NodeID) {
        renewals.remove(node)
        news.add(node)
    }

    /// It is to hear of a record that says nothing new.
    mutating func tell(ofRenewalOf node: NodeID) { if !news.contains(node) { renewals.add(node) } }

    /// It has the record.
    mutating func needsNotHear(of node: NodeID) {
        news.remove(node)
        renewals.remove(node)
    }

    /// How many records wait to be named.
    var newsCount: Int { news.count + renewals.count }

    /// The next ones to be named, which wait no longer.
    mutating func takeNews(_ count: Int) -> [NodeID] {
        let first = news.take(count)
        return first + renewals.take(count - first.count)
    }
}

/// A record that is being got.
struct Inquiry: Sendable {
    enum Phase: Hashable, Sendable {
        /// To be asked for.
        case waiting
        /// Asked for, until the time given.
        case asked(Instant)
        /// Here, and being checked; so old.
        case checking(Duration)
    }

    /// What is known to exist.
    var stamp: StatusStamp
    /// Who is asked.
    var source: NodeID
    /// Who named it as well.
    var others: [NodeID] = []
    var wantsCertificate: Bool
    var phase = Phase.waiting
}
