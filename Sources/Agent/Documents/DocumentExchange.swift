internal import Crypto
internal import EventLoop
internal import Logging
internal import Manifest
internal import Trust
internal import Units
internal import Wire

/// Documents between this agent and its neighbours: levelling at the start, passing
/// on what is new, answering questions.
///
/// What comes is judged one document at a time in the order of coming; a neighbour that sends more
/// than its share is read more slowly.
@LoopActor
final class DocumentExchange {
    private struct Arrival {
        enum Content {
            case document(DocumentKind, [UInt8])
            /// Everything that stood before it in the queue is judged.
            case levelled
        }

        let node: NodeID
        let content: Content
    }

    let requests = DocumentRequests()
    /// A new root, head or deny record was accepted.
    var onAccepted: (@LoopActor (AcceptedDocument) -> Void)?
    /// A neighbour broke a rule of documents.
    var onFault: (@LoopActor (NodeID, WireFault) -> Void)?
    /// Whether a manifest is being asked of somebody else than this node now.
    var isComing: (@LoopActor (Digest, _ but: NodeID) -> Bool)?
    /// Whether a neighbour announced a version.
    var hasOpened: (@LoopActor (NodeID, Digest) -> Bool)?
    /// A neighbour has sent all that it had at the start.
    var onLevelled: (@LoopActor (NodeID) -> Void)?

    private let trust: Trust
    private let switchboard: Switchboard
    private let jobs: Jobs
    private let log: Logger
    private var arrivals: [Arrival] = []
    /// Documents that could not be made durable, which nobody would send again before the next levelling; oldest first.
    private var unkept: [Arrival] = []
    /// Why the last of them could not be; nil while it is tried again.
    private(set) var keepFailure: TrustError?
    private var waiting: [NodeID: Int] = [:]
    private var rates: [NodeID: RateLimit] = [:]
    /// Documents that are on their way to a neighbour, which may ask faster than it reads.
    private var answering: [NodeID: Int] = [:]
    private var held = HeldAnswers()
    private var shares = LayoutShares()
    /// From whom the newest head of a channel came.
    private var tellers: [ModelChannel: NodeID] = [:]
    /// Neighbours that said LEVELLED.
    private var announced: Set<NodeID> = []
    /// Neighbours all of whose first documents are judged.
    private(set) var levelled: Set<NodeID> = []

    init(trust: Trust, switchboard: Switchboard, jobs: Jobs, log: Logger) {
        self.trust = trust
        self.switchboard = switchboard
        self.jobs = jobs
        self.log = log
    }

    /// What a new neighbour gets first: newer roots, all deny records, all heads.
    func level(_ link: NeighbourLink, _ hello: Hello) {
        let roots = trust.roots.filter { $0.value.version > hello.rootVersion }.map {
            (DocumentFrame.Kind.root, $0.envelope)
        }
        // A halt comes before the head that it is about, and the end of one after the head that made it possible.
        let records = trust.denyList.records
        let denied = records.filter { $0.value.state == .denied }.map { (DocumentFrame.Kind.deny, $0.envelope) }
        let lifted = records.filter { $0.value.state == .lifted }.map { (DocumentFrame.Kind.deny, $0.envelope) }
        let heads = trust.heads.values.sorted { $0.value.channel < $1.value.channel }.map {
            (DocumentFrame.Kind.head, $0.envelope)
        }
        let frames = DocumentSender.frames((roots + denied + heads + lifted).map { (kind: $0.0, envelope: $0.1) })
        if !frames.isEmpty { link.sendFrames(frames) }
        rates[link.node] = RateLimit(
            burst: Limits.documentBurstCount, perSecond: Limits.documentsPerSecond, now: Clock.now())
    }

    /// The neighbour is gone.
    func lose(_ node: NodeID) {
        rates[node] = nil
        answering[node] = nil
        announced.remove(node)
        levelled.remove(node)
        held.lose(node)
        tellers = tellers.filter { $0.value != node }
        requests.lose(node)
    }

    /// Takes a frame that is about documents; false if it is about something else.
    func receive(_ message: Message, from link: NeighbourLink) -> Bool {
        var fault: WireFault?
        switch message {
        case .document(let document): take(document, from: link)
        case .levelled: fault = level(by: link)
        case .fetch(let fetch): answer(fetch, link)
        case .versionsQuery(let query): answer(query, link)
        case .part(let part): fault = requests.receive(part, from: link.node)
        case .versions(let versions): fault = requests.receive(versions, from: link.node)
        case .certificate(let certificate): fault = requests.receive(certificate, from: link.node)
        case .absent(let absent): fault = requests.receive(absent, from: link.node)
        case .renew(let request): renew(request, link)
        default: return false
        }
        if let fault { onFault?(link.node, fault) }
        return true
    }

    /// Sends a document that is new here to all neighbours but the one it came from.
    func spread(_ document: AcceptedDocument, except source: NodeID?) {
        guard let kind = DocumentFrame.Kind(rawValue: document.kind.rawValue) else { return }
        let frame = Message.document(DocumentFrame(kind: kind, envelope: document.envelope)).encode()
        for link in switchboard.links.values where link.node != source { link.sendFrames(frame) }
    }

    // MARK: Arrivals

    private func take(_ document: DocumentFrame, from link: NeighbourLink) {
        guard let kind = DocumentKind(rawValue: document.kind.rawValue) else { return }
        if let wait = rates[link.node]?.take(now: Clock.now()) { slow(link, wait) }
        queue(.document(kind, document.envelope), from: link)
    }

    /// A neighbour whose documents wait in numbers is not read until they are judged.
    private func queue(_ content: Arrival.Content, from link: NeighbourLink) {
        arrivals.append(Arrival(node: link.node, content: content))
        waiting[link.node, default: 0] += 1
        if waiting[link.node] == Limits.waitingDocumentCountMax { link.pauseReading(for: .waitingDocuments) }
        jobs.start("documents") { [weak self] in await self?.judgeArrivals() }
    }

    private func noteJudged(_ node: NodeID) {
        guard let count = waiting[node] else { return }
        waiting[node] = count == 1 ? nil : count - 1
        guard count == Limits.waitingDocumentCountMax / 2 else { return }
        switchboard.links[node]?.resumeReading(for: .waitingDocuments)
    }

    private func slow(_ link: NeighbourLink, _ wait: Duration) {
        link.pauseReading(for: .documentRate)
        jobs.start("slow \(link.node)") { [weak link] in
            try? await Task.sleep(for: wait)
            link?.resumeReading(for: .documentRate)
        }
    }

    private func judgeArrivals() async {
        while !arrivals.isEmpty {
            let arrival = arrivals.removeFirst()
            switch arrival.content {
            case .levelled: noteLevelled(arrival.node)
            case .document(let kind, let envelope): await judge(kind, envelope, from: arrival.node)
            }
            noteJudged(arrival.node)
        }
    }

    private func judge(_ kind: DocumentKind, _ envelope: [UInt8], from node: NodeID) async {
        // What is genuine and new goes on while it is being made durable here; it is acted on afterwards.
        let verdict = await trust.receive(envelope, kind: kind) { [self] document in
            spread(document, except: node)
            if case .head(let head) = document { tellers[head.value.channel] = node }
        }
        switch verdict {
        case .accepted(let document):
            onAccepted?(document)
        case .dropped(let why): log.debug("a \(kind) is dropped: \(why)", metadata: ["node": "\(node)"])
        case .blamed(let why): onFault?(node, WireFault(.badDocument, why))
        case .failed(let error):
            log.error("a \(kind) could not be kept, and is tried again: \(error)")
            keepFailure = error
            keepLater(Arrival(node: node, content: .document(kind, envelope)))
        }
    }

    private func keepLater(_ arrival: Arrival) {
        unkept.append(arrival)
        if unkept.count > Limits.waitingDocumentCountMax { unkept.removeFirst() }
        jobs.start("unkept documents") { [weak self] in
            try? await Task.sleep(for: .seconds(Limits.keepAgainSeconds))
            self?.keepAgain()
        }
    }

    private func keepAgain() {
        let again = unkept
        unkept = []
        keepFailure = nil
        for arrival in again { waiting[arrival.node, default: 0] += 1 }
        arrivals += again
        jobs.start("documents") { [weak self] in await self?.judgeArrivals() }
    }

    private func level(by link: NeighbourLink) -> WireFault? {
        guard announced.insert(link.node).inserted else { return WireFault(.outOfOrder, "LEVELLED came twice") }
        queue(.levelled, from: link)
        return nil
    }

    private func noteLevelled(_ node: NodeID) {
        guard switchboard.links[node] != nil else { return }
        levelled.insert(node)
        onLevelled?(node)
    }

    // MARK: Answers

    private func answer(_ fetch: Fetch, _ link: NeighbourLink) {
        guard answering[link.node, default: 0] < Limits.documentRequestCountMax else {
            return link.send(.absent(Absent(request: fetch.request, reason: .notNow)))
        }
        guard let manifest = manifest(for: fetch) else {
            if fetch.kind == .manifest, isComing?(fetch.digest, link.node) == true { return hold(fetch, link) }
            return link.send(.absent(Absent(request: fetch.request, reason: .notHeld)))
        }
        guard !trust.denyList.isDenied(manifest.digest, of: manifest.value.model) else {
            return link.send(.absent(Absent(request: fetch.request, reason: .notAllowed)))
        }
        answering[link.node, default: 0] += 1
        switch fetch.kind {
        case .manifest: send(manifest.envelope, for: fetch, link)
        case .layout:
            jobs.start("layout \(link.node) \(fetch.request)") { [self] in
                let digest = fetch.digest
                let bytes = try? await ThreadPool.run { [trust] in try trust.storedLayout(digest) }
                guard let bytes else {
                    noteAnswered(link.node)
                    return link.send(.absent(Absent(request: fetch.request, reason: .notHeld)))
                }
                guard mayShare(bytes.count, of: manifest, with: link.node) else {
                    noteAnswered(link.node)
                    return link.send(.absent(Absent(request: fetch.request, reason: .notNow)))
                }
                send(bytes, for: fetch, link)
            }
        }
    }

    private func mayShare(_ byteCount: Int, of manifest: Verified<Manifest>, with node: NodeID) -> Bool {
        let now = Clock.now()
        shares.expire(now: now)
        return shares.take(manifest.value.layout.digest, byteCount: byteCount, for: node, now: now) { [hasOpened] in
            hasOpened?($0, manifest.digest) ?? false
        }
    }

    private func hold(_ fetch: Fetch, _ link: NeighbourLink) {
        answering[link.node, default: 0] += 1
        guard held.hold(HeldAnswers.Question(node: link.node, fetch: fetch)) else { return }
        let digest = fetch.digest
        jobs.start("held \(digest)") { [weak self] in
            try? await Task.sleep(for: .milliseconds(Limits.heldAnswerMilliseconds))
            self?.answerHeld(digest)
        }
    }

    /// Answers those that wait for a manifest, which is here now or will not come.
    func answerHeld(_ digest: Digest) {
        let waiting = held.take(digest)
        guard !waiting.isEmpty else { return }
        jobs.cancel("held \(digest)")
        for question in waiting {
            noteAnswered(question.node)
            guard let link = switchboard.links[question.node] else { continue }
            if trust.manifests[digest] == nil {
                link.send(.absent(Absent(request: question.fetch.request, reason: .notHeld)))
            } else {
                answer(question.fetch, link)
            }
        }
    }

    /// The neighbours from which the heads came that name this version.
    func tellers(of version: Digest) -> [NodeID] {
        tellers.filter { trust.heads[$0.key]?.value.version == version }.map(\.value).sorted()
    }

    private func manifest(for fetch: Fetch) -> Verified<Manifest>? {
        switch fetch.kind {
        case .manifest: trust.manifests[fetch.digest]
        case .layout: trust.manifests.values.first { $0.value.layout.digest == fetch.digest }
        }
    }

    private func send(_ bytes: [UInt8], for fetch: Fetch, _ link: NeighbourLink) {
        let parts = DocumentSender.parts(of: bytes, for: fetch.request)
        link.bulk.add(1 << 32 | UInt64(fetch.request.value)) { [weak self] byteCountMax in
            let frames = parts(byteCountMax)
            if frames.isEmpty { self?.noteAnswered(link.node) }
            return frames
        }
    }

    private func noteAnswered(_ node: NodeID) {
        guard let count = answering[node] else { return }
        answering[node] = max(0, count - 1)
    }

    private func answer(_ query: VersionsQuery, _ link: NeighbourLink) {
        let known = trust.manifests.values.filter { $0.value.model == query.model }
            .sorted { ($0.value.publishNumber, $0.digest) > ($1.value.publishNumber, $1.digest) }
        link.send(.versions(Versions(request: query.request, manifests: known.map(\.digest))))
    }

    private func renew(_ request: RequestID, _ link: NeighbourLink) {
        let job = "renew \(link.node)"
        guard let issuer = trust.issuer, let certificate = link.certificate, !jobs.isRunning(job) else {
            return link.send(.absent(Absent(request: request, reason: .notNow)))
        }
        guard !trust.denyList.isDenied(link.node) else {
            return link.send(.absent(Absent(request: request, reason: .notAllowed)))
        }
        jobs.start(job) { [trust] in
            let answer = try? await issuer.renew(
                certificate, now: Clock.wallTime(), isDenied: { trust.denyList.isDenied($0) })
            guard let renewed = answer else {
                return link.send(.absent(Absent(request: request, reason: .notNow)))
            }
            link.send(.certificate(CertificateFrame(request: request, certificate: renewed.der)))
        }
    }
}
