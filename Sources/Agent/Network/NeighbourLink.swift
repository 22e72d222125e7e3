internal import Crypto
internal import EventLoop
internal import Swarm
internal import Units
internal import Wire

/// One connection of the chunk protocol: frames in and out, HELLO first, kept alive, closed with a reason.
///
/// opened (our HELLO is out) → introduced (theirs came) → ended. Frames of the neighbour
/// reach `owner` only while introduced.
@LoopActor
final class NeighbourLink {
    /// Why a link ended.
    struct End {
        let code: GoodbyeCode
        let text: String
        /// Whose words these are.
        let isByPeer: Bool
    }

    let identity: NodeIdentityFields
    let dialled: DialTarget?
    let remote: Endpoint
    /// This node's address as the connection sees it.
    let local: IPAddress?
    let certificate: Certificate?
    let bulk: BulkQueue
    private(set) var hello: Hello? {
        didSet { isIntroduced = hello != nil }
    }
    /// Whether there is one; asked for each frame, and cheaper than looking at it.
    private var isIntroduced = false
    private(set) var isEnded = false
    private(set) var roundTrip: Duration?
    /// How near the neighbour is; nil until it is introduced.
    var linkClass: LinkClass?
    /// Told what came, and may stop the reading.
    weak var downloads: DownloadPacer?
    private var pauses: Pauses = []
    private var nextLook: Instant
    private let stream: SecureStream
    private weak var owner: (any NeighbourLinkOwner)?
    private var decoder = FrameDecoder()
    /// Since the last look at what came.
    private var readByteCount = 0
    private var vigil: LinkVigil
    /// Where the payload of the present DATA frame goes; nil if nobody wants it.
    private var landing: RawBuffer?
    /// Payload that came in one go and that the owner has not been told of.
    private var run: DataSpan?

    init(
        _ stream: SecureStream, identity: NodeIdentityFields, remote: Endpoint, dialled: DialTarget?,
        owner: any NeighbourLinkOwner
    ) {
        self.stream = stream
        self.identity = identity
        self.remote = remote
        self.dialled = dialled
        self.owner = owner
        local = stream.localAddress
        certificate = stream.peerCertificate
        bulk = BulkQueue(stream)
        let now = Clock.now()
        vigil = LinkVigil(now: now)
        nextLook = now + Self.lookInterval
    }

    /// Why a link is not read for a while.
    struct Pauses: OptionSet {
        let rawValue: UInt8
        /// Documents of the neighbour wait to be judged.
        static let waitingDocuments = Pauses(rawValue: 1)
        /// It sends more documents than it may.
        static let documentRate = Pauses(rawValue: 2)
        /// Downloads are limited.
        static let limit = Pauses(rawValue: 4)
    }

    /// The connection beneath, to be looked at and tuned.
    var transport: ByteStream { stream.transport }

    var node: NodeID { identity.node }

    /// Sends a frame ahead of all bulk data that is not on its way yet.
    func send(_ message: Message) { sendFrames(message.encode()) }

    /// Sends frames that are encoded already.
    func sendFrames(_ frames: [UInt8]) {
        guard !isEnded else { return }
        vigil.noteSent(at: Clock.now())
        stream.send(frames)
        if stream.queuedCost > Limits.controlBacklogByteCountMax { end(.slow, "it reads too slowly") }
    }

    /// Looks at the clock; called a few times a second.
    func keepWatch(now: Instant) {
        guard !isEnded else { return }
        switch vigil.verdict(now: now, isIntroduced: isIntroduced) {
        case .quiet: break
        case .ping: ping()
        case .end(let code, let text): end(code, text)
        }
        lookAtTransport(now: now)
    }

    /// While bulk flows there are few PINGs, and those wait in queues. The kernel knows better how far it is.
    private func lookAtTransport(now: Instant) {
        guard now >= nextLook, !isEnded, let roundTrip, vigil.hasJustReceived(at: now) else { return }
        nextLook = now + Self.lookInterval
        guard let least = stream.transport.transportState?.roundTripMin, least > .zero, least < roundTrip * 0.9 else {
            return
        }
        self.roundTrip = least
        owner?.link(self, measured: least)
    }

    private static let lookInterval = Duration.seconds(1)

    /// Measures the round trip now.
    func ping() {
        guard let token = vigil.beginPing(at: Clock.now()) else { return }
        send(.ping(token))
    }

    /// Stops reading until nothing stands against it any more.
    func pauseReading(for reason: Pauses) {
        defer { pauses.insert(reason) }
        guard pauses.isEmpty else { return }
        vigil.notePaused()
        stream.pause()
    }

    /// Goes on. What was not read meanwhile is not held against the neighbour.
    func resumeReading(for reason: Pauses) {
        guard pauses.remove(reason) != nil, pauses.isEmpty else { return }
        vigil.noteResumed(at: Clock.now())
        stream.resume()
    }

    /// Says GOODBYE and closes. The owner is told, unless it was the one that said so.
    func end(_ code: GoodbyeCode, _ text: String = "", telling: Bool = true) {
        guard !isEnded else { return }
        stream.send(Message.goodbye(Goodbye(code, text)).encode())
        finish(End(code: code, text: text, isByPeer: false), telling: telling)
        stream.closeGracefully()
    }

    /// The connection broke, or TLS failed.
    func ended(_ reason: SecureStream.End) {
        let text =
            switch reason {
            case .closed: "the connection was closed"
            case .refused(let error): error.description
            case .failed(let error): error.detail
            }
        finish(End(code: .leaving, text: text, isByPeer: true), telling: true)
    }

    private func dispatch(_ message: Message) {
        if !isIntroduced, case .hello(let hello) = message {
            guard hello.lane == 0 else { return end(.unsupported, "lane \(hello.lane)") }
            self.hello = hello
            owner?.linkWasIntroduced(self, hello)
            return
        }
        switch message {
        case .goodbye(let goodbye):
            finish(End(code: goodbye.code, text: goodbye.text, isByPeer: true), telling: true)
            stream.closeGracefully()
        case .hello: end(.outOfOrder, "HELLO came twice")
        case _ where !isIntroduced: end(.outOfOrder, "the first frame is not HELLO")
        case .ping(let token): send(.pong(token))
        case .pong(let token): receivePong(token)
        default: owner?.link(self, received: message)
        }
    }

    private func receivePong(_ token: UInt64) {
        guard let measured = vigil.endPing(token, at: Clock.now()) else { return end(.unsolicited, "PONG") }
        // A PING waits behind bulk at both ends; what the kernel measured does not.
        let least = stream.transport.transportState?.roundTripMin ?? .zero
        let roundTrip = least > .zero ? min(least, measured) : measured
        self.roundTrip = roundTrip
        owner?.link(self, measured: roundTrip)
    }

    private func finish(_ end: End, telling: Bool) {
        guard !isEnded else { return }
        isEnded = true
        bulk.close()
        if telling { owner?.link(self, ended: end) }
    }
}

// MARK: Receiving

extension NeighbourLink: PlaintextSink {
    /// For all that is not payload of a wanted chunk.
    private static let scratch = RawBuffer(capacity: Limits.frameByteCountMax + DataFrame.headerByteCount)

    func room() -> UnsafeMutableRawBufferPointer {
        let due = decoder.payloadByteCount
        if due > 0, let landing { return unsafe UnsafeMutableRawBufferPointer(rebasing: landing.room[..<due]) }
        Self.scratch.reset(limit: due > 0 ? due : decoder.wantedByteCount)
        return unsafe Self.scratch.room
    }

    func didFill(_ byteCount: Int) {
        readByteCount += byteCount
        guard decoder.payloadByteCount == 0 else { return takePayload(byteCount) }
        Self.scratch.didFill(byteCount)
        do throws(WireError) {
            let bytes = unsafe Self.scratch.contents.bytes
            var position = 0
            while !isEnded, let piece = try decoder.nextPiece(from: bytes, at: &position) {
                switch piece {
                case .payload(let header): begin(header)
                case .message(let message):
                    vigil.noteFrameEnd()
                    reportRun()
                    if !isEnded { dispatch(message) }
                }
            }
        } catch {
            reportRun()
            end(error.code, error.description)
        }
    }

    func didReadAll() {
        guard !isEnded else { return }
        reportRun()
        let now = Clock.now()
        vigil.noteReceived(at: now)
        vigil.noteFrame(isOpen: decoder.isMidFrame, at: now)
        if let linkClass { downloads?.note(readByteCount, from: self, linkClass) }
        readByteCount = 0
    }

    /// Frames of one request that follow each other are one run: one look-up, one event.
    private func begin(_ header: DataHeader) {
        guard isIntroduced else { return end(.outOfOrder, "the first frame is not HELLO") }
        if let last = run, last.request != header.request || last.offset + last.byteCount != Int(header.offset) {
            reportRun()
            run = nil
        }
        guard !isEnded else { return }
        if run == nil {
            run = DataSpan(neighbour: node, request: header.request, offset: Int(header.offset), byteCount: 0)
        }
        landing = owner?.link(self, landingOf: header)
    }

    private func takePayload(_ byteCount: Int) {
        landing?.didFill(byteCount)
        decoder.notePayload(byteCount)
        if let run {
            self.run = DataSpan(
                neighbour: node, request: run.request, offset: run.offset, byteCount: run.byteCount + byteCount)
        }
        guard decoder.payloadByteCount == 0 else { return }
        vigil.noteFrameEnd()
        let isChunkWhole = landing?.isFull ?? false
        landing = nil
        // At once, so that the next chunk is asked for while this one is checked.
        if isChunkWhole { reportRun() }
    }

    private func reportRun() {
        guard let run else { return }
        // The rest of a frame that has not come whole is the start of the next run.
        self.run = decoder.payloadByteCount == 0 ? nil : run.following(byteCount: 0)
        if run.byteCount > 0, !isEnded { owner?.link(self, received: run) }
    }
}

extension DataSpan {
    /// What comes right behind it.
    fileprivate func following(byteCount: Int) -> DataSpan {
        DataSpan(neighbour: neighbour, request: request, offset: offset + self.byteCount, byteCount: byteCount)
    }
}

/// Who is told what a link receives.
@LoopActor
protocol NeighbourLinkOwner: AnyObject {
    func linkWasIntroduced(_ link: NeighbourLink, _ hello: Hello)
    func link(_ link: NeighbourLink, received message: Message)
    /// Where the payload of a DATA frame goes; nil if nobody waits for it.
    func link(_ link: NeighbourLink, landingOf header: DataHeader) -> RawBuffer?
    /// Payload that came, and is where it belongs.
    func link(_ link: NeighbourLink, received run: DataSpan)
    func link(_ link: NeighbourLink, measured roundTrip: Duration)
    func link(_ link: NeighbourLink, ended end: NeighbourLink.End)
}
