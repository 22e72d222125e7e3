internal import Units
internal import Wire

/// The clock of one link: when to ping, and when patience is over. `Protocol/wire.md`, sections 2 to 4.
struct LinkVigil {
    enum Verdict: Equatable {
        case quiet
        case ping
        case end(GoodbyeCode, String)
    }

    private static let openPingCountMax = 64

    private let began: Instant
    private var lastSent: Instant
    private var lastReceived: Instant
    private var frameBegan: Instant?
    /// Oldest first. More than one only where an answer takes longer than we may be silent.
    private var openPings: [(token: UInt64, sent: Instant)] = []
    /// Not to be guessed, so that only an answer can match.
    private var nextToken = UInt64.random(in: 0...UInt64.max)
    private var isPaused = false

    init(now: Instant) {
        began = now
        lastSent = now
        lastReceived = now
    }

    mutating func noteSent(at now: Instant) { lastSent = now }

    mutating func noteReceived(at now: Instant) { lastReceived = now }

    /// Whether something came since the watch looked last.
    func hasJustReceived(at now: Instant) -> Bool { now - lastReceived < .milliseconds(250) }

    /// A frame is whole: the next one has its own time.
    mutating func noteFrameEnd() { frameBegan = nil }

    /// Whether the bytes so far end in the middle of a frame.
    mutating func noteFrame(isOpen: Bool, at now: Instant) { frameBegan = isOpen ? (frameBegan ?? now) : nil }

    /// Nothing is read until `noteResumed`: silence is no fault, and a frame's time stands still.
    mutating func notePaused() { isPaused = true }

    mutating func noteResumed(at now: Instant) {
        isPaused = false
        lastReceived = now
        if frameBegan != nil { frameBegan = now }
    }

    /// A token for a PING; nil while one is under way, unless we have to show that we live.
    mutating func beginPing(at now: Instant) -> UInt64? {
        guard openPings.isEmpty || hasBeenQuiet(at: now) else { return nil }
        let token = nextToken
        nextToken &+= 1
        openPings.append((token, now))
        if openPings.count > Self.openPingCountMax { openPings.removeFirst() }
        return token
    }

    /// The round trip; nil if nobody asked.
    mutating func endPing(_ token: UInt64, at now: Instant) -> Duration? {
        guard let position = openPings.firstIndex(where: { $0.token == token }) else { return nil }
        return now - openPings.remove(at: position).sent
    }

    func verdict(now: Instant, isIntroduced: Bool) -> Verdict {
        if !isPaused, let fault = fault(now: now, isIntroduced: isIntroduced) { return fault }
        let hasHeardNothing = openPings.isEmpty && now - lastReceived > .seconds(Limits.pingSeconds)
        return hasHeardNothing || hasBeenQuiet(at: now) ? .ping : .quiet
    }

    private func fault(now: Instant, isIntroduced: Bool) -> Verdict? {
        if let frameBegan, now - frameBegan > .seconds(Limits.frameSeconds) {
            return .end(.slow, "a frame took more than \(Limits.frameSeconds) s")
        }
        if !isIntroduced, now - began > .seconds(Limits.handshakeSeconds) {
            return .end(.slow, "no HELLO within \(Limits.handshakeSeconds) s")
        }
        if now - lastReceived > .seconds(Limits.silenceSeconds) {
            return .end(.silent, "nothing came for \(Limits.silenceSeconds) s")
        }
        return nil
    }

    private func hasBeenQuiet(at now: Instant) -> Bool { now - lastSent > .seconds(Limits.pingSeconds) }
}
