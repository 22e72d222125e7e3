internal import Crypto
internal import EventLoop
internal import Logging
internal import Swarm
internal import Trust
internal import Units
internal import Wire

/// All connections of this agent: accepts and dials, lets TLS prove who is there, keeps one link for each neighbour.
///
/// A socket is unproved (counted by `quota`) → pending (TLS is done, HELLO is not) → a link of `links`, or gone.
@LoopActor
final class Switchboard {
    /// Introduced neighbours; one link each.
    private(set) var links: [NodeID: NeighbourLink] = [:]
    weak var delegate: (any SwitchboardDelegate)?
    let contexts: TLSContexts
    let log: Logger
    /// Drawn at each start, so that neighbours can tell a restart.
    let instance: UInt64

    private let node: NodeID
    private let cluster: ClusterID
    private let joining: JoinService
    private var pending: [ObjectIdentifier: NeighbourLink] = [:]
    private var listener: StreamListener?
    private var watch: LoopTimer?
    /// Nodes that are refused for lack of room, and told of others.
    private var referrals = RateLimit(
        burst: Limits.referralBurstCount, perSecond: Limits.referralsPerSecond, now: Clock.now())
    private let quota = AdmissionQuota(
        countMax: Limits.unauthenticatedSocketCountMax,
        countPerAddressMax: Limits.unauthenticatedSocketCountPerAddressMax, patience: .seconds(Limits.handshakeSeconds))

    init(identity: NodeIdentity, contexts: TLSContexts, joining: JoinService, log: Logger) {
        node = identity.node
        cluster = identity.cluster
        self.contexts = contexts
        self.joining = joining
        self.log = log
        var generator = SystemRandomNumberGenerator()
        instance = generator.next()
    }

    /// Where this agent listens, with the real port.
    var listening: Endpoint? { listener?.local }

    /// Opens the port.
    func listen(on endpoint: Endpoint) throws(LoopError) {
        listener = try StreamListener.tcp(endpoint) { [weak self] in self?.accept($0) }
        let watch = LoopTimer { [weak self] in self?.keepWatch() }
        watch.start(after: .milliseconds(250), repeating: .milliseconds(250))
        self.watch = watch
    }

    /// Tells all neighbours that this agent ends, and closes.
    func close() {
        listener?.close()
        watch?.close()
        quota.close()
        joining.close()
        for link in Array(links.values) + pending.values { link.end(.leaving, "the agent ends", telling: false) }
        links.removeAll()
        pending.removeAll()
    }

    /// Ends the link of a neighbour; its end is not reported.
    func disconnect(_ node: NodeID, _ code: GoodbyeCode, _ text: String = "") {
        links.removeValue(forKey: node)?.end(code, text, telling: false)
        for (key, link) in pending where link.node == node {
            pending[key] = nil
            link.end(code, text, telling: false)
            // Whoever asked for a dial is owed its outcome.
            if let dialled = link.dialled { delegate?.dial(of: dialled, failed: .unwelcome(node), why: "\(code)") }
        }
    }

    // MARK: Unproved sockets

    private func accept(_ socket: ByteStream) {
        guard links.count + pending.count < Limits.connectionCountMax, let remote = socket.peer else {
            return socket.close()
        }
        do throws(TLSError) {
            prove(SecureStream(socket, try TLSSession(contexts.server)), remote: remote, dialled: nil)
        } catch {
            socket.close()
        }
    }

    /// A connection that this agent made.
    func adopt(dialled socket: ByteStream, for target: DialTarget) {
        guard let remote = socket.peer else {
            socket.close()
            delegate?.dial(of: target, failed: .unreachable, why: "the connection broke at once")
            return
        }
        do throws(TLSError) {
            prove(SecureStream(socket, try TLSSession(contexts.client)), remote: remote, dialled: target)
        } catch {
            socket.close()
            delegate?.dial(of: target, failed: .unreachable, why: error.description)
        }
    }

    private func prove(_ stream: SecureStream, remote: Endpoint, dialled: DialTarget?) {
        let route = Route()
        quota.admit(stream, from: dialled == nil ? remote.address : nil) { [weak self, weak stream] in
            stream?.close()
            self?.unproved(remote, dialled, why: "no handshake within \(Limits.handshakeSeconds) s")
        }
        stream.start(
            onOpen: { [weak self] in
                self?.quota.release(stream)
                self?.proved(stream, route, remote: remote, dialled: dialled)
            },
            onPlaintext: { route.receive($0) },
            onEnd: { [weak self] end in
                self?.quota.release(stream)
                guard !route.end(end) else { return }
                self?.unproved(remote, dialled, why: "\(end)")
            })
    }

    private func unproved(_ remote: Endpoint, _ dialled: DialTarget?, why: String) {
        log.info("a connection proved nothing: \(why)", metadata: ["remote": "\(remote)"])
        if let dialled { delegate?.dial(of: dialled, failed: .unreachable, why: why) }
    }

    private func proved(_ stream: SecureStream, _ route: Route, remote: Endpoint, dialled: DialTarget?) {
        if stream.applicationProtocol == .join {
            route.target = .joining(joining.adopt(stream))
            return
        }
        guard let identity = stream.peerIdentity else {
            stream.close()
            return unproved(remote, dialled, why: "it has no certificate")
        }
        let link = NeighbourLink(stream, identity: identity, remote: remote, dialled: dialled, owner: self)
        route.target = .link(link)
        stream.sink = link
        pending[ObjectIdentifier(link)] = link
        guard let delegate else { return }
        link.send(.hello(delegate.ownHello()))
        if let refusal = refusal(of: link) { refuse(link, refusal) }
    }

    // MARK: Proved, not introduced

    private struct Refusal {
        let code: GoodbyeCode
        let failure: DialFailure
    }

    private func refusal(of link: NeighbourLink) -> Refusal? {
        // An authority may issue for several clusters; which one a node is of, only its URI says.
        guard link.identity.cluster == cluster else {
            return Refusal(code: .otherCluster, failure: .unwelcome(link.node))
        }
        if link.node == node { return Refusal(code: .`self`, failure: .itself) }
        if case .node(let expected, _)? = link.dialled, expected != link.node {
            return Refusal(code: .leaving, failure: .wrongNode)
        }
        switch delegate?.admission(of: link.node) ?? .welcome {
        case .welcome: return nil
        case .setAside(let reason, _): return Refusal(code: reason, failure: .unwelcome(link.node))
        case .denied: return Refusal(code: .denied, failure: .unwelcome(link.node))
        case .full: return Refusal(code: .busy, failure: .busy)
        }
    }

    private func refuse(_ link: NeighbourLink, _ refusal: Refusal) {
        pending[ObjectIdentifier(link)] = nil
        // Whoever finds no room here is to find it elsewhere, or all nodes with one bootstrap peer could not meet.
        if refusal.code == .busy, let delegate, referrals.takeIfThere(now: Clock.now()) {
            link.send(.peers(delegate.peers(for: link)))
        }
        link.end(refusal.code, telling: false)
        if refusal.code == .otherCluster {
            let end = NeighbourLink.End(code: .otherCluster, text: "its certificate names another", isByPeer: false)
            delegate?.lostBeforeHello(link, end)
        }
        if let dialled = link.dialled {
            delegate?.dial(of: dialled, failed: refusal.failure, why: "\(refusal.failure)")
        }
    }

    /// Of two links to one node, whether the one that came later stays: `Protocol/wire.md`, section 1.
    private func prefers(_ new: NeighbourLink, to old: NeighbourLink) -> Bool {
        guard new.hello?.instance == old.hello?.instance else { return true }
        let isNewOurs = new.dialled != nil
        let isOldOurs = old.dialled != nil
        guard isNewOurs != isOldOurs else { return true }
        return (isNewOurs ? node : new.node) < (isNewOurs ? new.node : node)
    }

    private func keepWatch() {
        let now = Clock.now()
        for link in links.values { link.keepWatch(now: now) }
        for link in pending.values { link.keepWatch(now: now) }
    }
}

extension Switchboard: NeighbourLinkOwner {
    func linkWasIntroduced(_ link: NeighbourLink, _ hello: Hello) {
        pending[ObjectIdentifier(link)] = nil
        // It may have been denied, or set aside, since its handshake.
        if let refusal = refusal(of: link) { return refuse(link, refusal) }
        if let old = links[link.node] {
            guard prefers(link, to: old) else {
                return refuse(link, Refusal(code: .duplicate, failure: .duplicate(link.node)))
            }
            links[link.node] = nil
            old.end(.duplicate, telling: false)
            delegate?.lost(old, .init(code: .duplicate, text: "", isByPeer: false))
        }
        links[link.node] = link
        delegate?.introduced(link, hello)
    }

    func link(_ link: NeighbourLink, received message: Message) {
        guard links[link.node] === link else { return }
        delegate?.received(message, from: link)
    }

    func link(_ link: NeighbourLink, landingOf header: DataHeader) -> RawBuffer? {
        links[link.node] === link ? delegate?.landing(of: header, from: link) : nil
    }

    func link(_ link: NeighbourLink, received run: DataSpan) {
        guard links[link.node] === link else { return }
        delegate?.received(run, from: link)
    }

    func link(_ link: NeighbourLink, measured roundTrip: Duration) {
        guard links[link.node] === link else { return }
        delegate?.measured(roundTrip, of: link)
    }

    func link(_ link: NeighbourLink, ended end: NeighbourLink.End) {
        if links[link.node] === link {
            links[link.node] = nil
            delegate?.lost(link, end)
        } else if pending.removeValue(forKey: ObjectIdentifier(link)) != nil {
            delegate?.lostBeforeHello(link, end)
            if let dialled = link.dialled { delegate?.dial(of: dialled, failed: failure(of: end, link), why: end.text) }
        }
    }

    private func failure(of end: NeighbourLink.End, _ link: NeighbourLink) -> DialFailure {
        guard end.isByPeer else { return .unreachable }
        switch end.code {
        case .duplicate: return .duplicate(link.node)
        case .`self`: return .itself
        case .busy: return .busy
        default: return .unreachable
        }
    }
}

/// Where the plaintext of a stream goes once it is known who speaks.
@LoopActor
private final class Route {
    enum Target {
        case none
        case joining(JoinConversation)
        case link(NeighbourLink)
    }

    var target = Target.none

    func receive(_ plaintext: borrowing RawSpan) {
        switch target {
        case .none: break
        case .joining(let conversation): conversation.receive(unsafe plaintext.withUnsafeBytes { unsafe Array($0) })
        case .link: break  // it is the stream's sink
        }
    }

    /// False if nobody had taken the stream over yet.
    func end(_ end: SecureStream.End) -> Bool {
        switch target {
        case .none: return false
        case .joining(let conversation): conversation.ended()
        case .link(let link): link.ended(end)
        }
        return true
    }
}

/// Who decides what connections are for.
@LoopActor
protocol SwitchboardDelegate: AnyObject {
    func ownHello() -> Hello
    func admission(of node: NodeID) -> Admission
    /// The addresses that the node at the other end is told of.
    func peers(for link: NeighbourLink) -> Peers
    func introduced(_ link: NeighbourLink, _ hello: Hello)
    func received(_ message: Message, from link: NeighbourLink)
    func landing(of header: DataHeader, from link: NeighbourLink) -> RawBuffer?
    func received(_ run: DataSpan, from link: NeighbourLink)
    func measured(_ roundTrip: Duration, of link: NeighbourLink)
    func lost(_ link: NeighbourLink, _ end: NeighbourLink.End)
    /// A node that proved who it is broke a rule before its HELLO, or said GOODBYE.
    func lostBeforeHello(_ link: NeighbourLink, _ end: NeighbourLink.End)
    func dial(of target: DialTarget, failed failure: DialFailure, why: String)
}
