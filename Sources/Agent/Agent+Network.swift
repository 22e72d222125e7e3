internal import Crypto
internal import EventLoop
internal import Fleet
internal import Logging
internal import Manifest
internal import Swarm
internal import Trust
internal import Units
internal import Wire

/// What connections are for.
extension Agent: SwitchboardDelegate {
    func ownHello() -> Hello {
        let labels = configuration.labels.compactMap { Label(key: $0.key, value: $0.value) }
        let listening = switchboard.listening
        let addresses = listening.map { $0.address.isUnspecified ? [] : [$0.address] } ?? []
        return Hello(
            rootVersion: trust.root.value.version, instance: switchboard.instance, software: Software.name,
            listeningPort: listening?.port ?? 0, addresses: addresses, labels: labels,
            issuesCertificates: trust.issuer != nil)
    }

    func admission(of node: NodeID) -> Admission {
        trust.denyList.isDenied(node) ? .denied : driver.core.admission(of: node, now: Clock.now())
    }

    func introduced(_ link: NeighbourLink, _ hello: Hello) {
        log.info(
            "a neighbour came",
            metadata: ["node": "\(link.node)", "name": "\(link.identity.name)", "at": "\(link.remote)"])
        let address = hello.addresses.first ?? link.remote.address
        directory.meet(link, at: hello.listeningPort == 0 ? nil : Endpoint(address: address, port: hello.listeningPort))
        if let dialled = link.dialled { directory.noteReached(dialler.name(of: dialled)) }
        exchange.level(link, hello)
        link.send(.models(models))
        link.send(.peers(peers(for: link)))
        link.send(.levelled)
        fleet.handle(.joined(link.node))
        if let greeting = spaces.greeting { link.send(greeting) }
        driver.handle(.neighbourConnected(introduction(of: link, hello)))
        if let distance = driver.core.distance(to: link.node) { traffic.adopt(link, at: distance) }
        link.ping()
    }

    func peers(for link: NeighbourLink) -> Peers {
        Peers(fitting: driver.core.addressesToShare(with: link.node, at: link.remote.address, now: Clock.now()))
    }

    func received(_ message: Message, from link: NeighbourLink) {
        switch message {
        case .data: break  // a link reports runs of payload instead
        case .space(let space):
            spaces.note(space, of: link.node)
            driver.handle(.heard(link.node))
        case .find(let find): finder.receive(find, from: link)
        case .found(let found):
            if !finder.receive(found, from: link) { blame(link.node, WireFault(.unsolicited, "FOUND")) }
        default:
            if fleet.receive(message, from: link) || exchange.receive(message, from: link) {
                driver.handle(.heard(link.node))
            } else {
                driver.handle(.received(message, from: link.node))
                if case .holdings(let part) = message, part.firstChunk == 0 { library.noteHolder(of: part.version) }
            }
        }
    }

    func landing(of header: DataHeader, from link: NeighbourLink) -> RawBuffer? {
        driver.landing(of: header, from: link)
    }

    func received(_ run: DataSpan, from link: NeighbourLink) { driver.receive(run) }

    func measured(_ roundTrip: Duration, of link: NeighbourLink) {
        driver.handle(.roundTripMeasured(link.node, roundTrip))
        if let distance = driver.core.distance(to: link.node) { traffic.measured(link, at: distance) }
    }

    func lost(_ link: NeighbourLink, _ end: NeighbourLink.End) {
        log.info(
            "a neighbour went: \(end.code) \(end.text)",
            metadata: ["node": "\(link.node)", "name": "\(link.identity.name)"])
        directory.part(link, because: Self.words(for: end))
        traffic.drop(link)
        spaces.forget(link.node)
        exchange.lose(link.node)
        fleet.handle(.left(link.node))
        finder.lose(link.node)
        if !end.isByPeer, end.code.setsAside {
            driver.handle(.neighbourMisbehaved(link.node, end.code))
        }
        if end.isByPeer, end.code == .busy { driver.handle(.neighbourFull(link.node)) } else { driver.lose(link.node) }
    }

    func lostBeforeHello(_ link: NeighbourLink, _ end: NeighbourLink.End) {
        directory.part(link, because: Self.words(for: end))
        if !end.isByPeer, end.code.setsAside { driver.handle(.neighbourMisbehaved(link.node, end.code)) }
    }

    func dial(of target: DialTarget, failed failure: DialFailure, why: String) {
        if case .peer = target, failure != .itself { noteUnreachable(target, failure, why) }
        driver.handle(.dialFailed(target, failure))
    }

    /// A neighbour broke a rule that is not the core's.
    func blame(_ node: NodeID, _ fault: WireFault) {
        log.warning("a neighbour broke a rule: \(fault.code) \(fault.text)", metadata: ["node": "\(node)"])
        driver.handle(.neighbourMisbehaved(node, fault.code))
    }

    /// The core has given a neighbour up and forgotten it.
    func disconnect(_ node: NodeID, because reason: GoodbyeCode) {
        guard let link = switchboard.links[node] else { return }
        directory.part(link, because: "\(reason)")
        traffic.drop(link)
        spaces.forget(node)
        fleet.handle(.left(node))
        switchboard.disconnect(node, reason)
        exchange.lose(node)
        finder.lose(node)
    }

    private func noteUnreachable(_ target: DialTarget, _ failure: DialFailure, _ why: String) {
        if case .duplicate = failure { return directory.noteReached(dialler.name(of: target)) }
        directory.noteUnreachable(dialler.name(of: target), why)
        log.info("a peer cannot be reached: \(why)", metadata: ["peer": "\(dialler.name(of: target))"])
    }

    private func introduction(of link: NeighbourLink, _ hello: Hello) -> Introduction {
        Introduction(
            node: link.node, labels: Dictionary(hello.labels.map { ($0.key, $0.value) }) { first, _ in first },
            addresses: hello.addresses, listeningPort: hello.listeningPort, remoteAddress: link.remote.address,
            issuesCertificates: hello.issuesCertificates, dialled: link.dialled)
    }

    /// This node's entry for whoever looks for a model or an issuer; nil if it is neither, or does not listen.
    func ownEntry(for target: Find.Target, on link: NeighbourLink) -> PeerEntry? {
        guard let listening = switchboard.listening,
            let address = listening.address.isUnspecified ? link.local : listening.address
        else { return nil }
        switch target {
        case .issuer: guard trust.issuer != nil else { return nil }
        case .model(let model): guard models.contains(model) else { return nil }
        }
        return PeerEntry(
            node: trust.identity.node, endpoint: Endpoint(address: address, port: listening.port), models: models,
            issuesCertificates: trust.issuer != nil)
    }

    private static func words(for end: NeighbourLink.End) -> String {
        let who = end.isByPeer ? "it said " : ""
        return end.text.isEmpty ? "\(who)\(end.code)" : "\(who)\(end.code): \(end.text)"
    }
}
