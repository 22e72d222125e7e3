internal import EventLoop
internal import Units
internal import Wire

/// Why a document did not come from a neighbour.
enum DocumentFailure: Error, Sendable {
    /// It has none, or may not give it.
    case absent
    /// It has it, and gives it to others first.
    case notNow
    /// It is gone, or its request numbers are.
    case gone
    /// It fell silent.
    case timedOut
}

/// Questions of ours that wait for the answers of neighbours: FETCH, VERSIONS_QUERY and RENEW.
///
/// Each has one answer, a bound on its bytes and two deadlines: for silence, and for all of it.
@LoopActor
final class DocumentRequests {
    /// What came.
    enum Answer: Sendable {
        case bytes([UInt8])
        case versions([Digest])
        case certificate([UInt8])
    }

    private struct Key: Hashable {
        let node: NodeID
        let request: RequestID
    }

    private struct Pending {
        let byteCountMax: Int
        let began: Instant
        var lastHeard: Instant
        var bytes: [UInt8] = []
        var total: Int?
        let finish: (Result<Answer, DocumentFailure>) -> Void
    }

    private var pending: [Key: Pending] = [:]
    /// Given up, and how many bytes may still come; per neighbour the oldest first.
    private var late: [NodeID: [(request: RequestID, rest: Int)]] = [:]
    private var clock: LoopTimer?

    /// Waits for the answer to a question that is being sent to `link` with this number.
    /// - Parameter byteCountMax: what PART's total may be; 0 if no PARTs are expected.
    func answer(
        from link: NeighbourLink, to request: RequestID, byteCountMax: Int, asking: Message
    ) async throws(DocumentFailure) -> Answer {
        startClock()
        let now = Clock.now()
        let result: Result<Answer, DocumentFailure> = await withCheckedContinuation { continuation in
            pending[Key(node: link.node, request: request)] = Pending(
                byteCountMax: byteCountMax, began: now, lastHeard: now, finish: { continuation.resume(returning: $0) })
            link.send(asking)
        }
        return try result.get()
    }

    /// A part of a document. False if it breaks the rules.
    func receive(_ part: Part, from node: NodeID) -> WireFault? {
        let key = Key(node: node, request: part.request)
        guard var open = pending[key] else {
            return isLate(key, byteCount: part.bytes.count) ? nil : WireFault(.unsolicited, "PART")
        }
        guard open.byteCountMax > 0 else { return WireFault(.unsolicited, "PART in answer to another question") }
        guard Int(part.total) <= open.byteCountMax else {
            return WireFault(.tooLarge, "PART of \(part.total) bytes in all")
        }
        guard Int(part.offset) == open.bytes.count, open.total ?? Int(part.total) == Int(part.total) else {
            return WireFault(.outOfOrder, "PART")
        }
        open.total = Int(part.total)
        open.lastHeard = Clock.now()
        pending[key] = nil  // so that appending does not copy
        open.bytes += part.bytes
        if open.bytes.count == part.total {
            open.finish(.success(.bytes(open.bytes)))
        } else {
            pending[key] = open
        }
        return nil
    }

    /// The answer to VERSIONS_QUERY.
    func receive(_ versions: Versions, from node: NodeID) -> WireFault? {
        finish(Key(node: node, request: versions.request), .success(.versions(versions.manifests)), "VERSIONS")
    }

    /// The answer to RENEW.
    func receive(_ certificate: CertificateFrame, from node: NodeID) -> WireFault? {
        finish(
            Key(node: node, request: certificate.request), .success(.certificate(certificate.certificate)),
            "CERTIFICATE")
    }

    /// No.
    func receive(_ absent: Absent, from node: NodeID) -> WireFault? {
        finish(
            Key(node: node, request: absent.request), .failure(absent.reason == .notNow ? .notNow : .absent),
            "ABSENT")
    }

    /// The neighbour is gone.
    func lose(_ node: NodeID) {
        for key in pending.keys where key.node == node { _ = finish(key, .failure(.gone), "") }
        late[node] = nil
    }

    /// How many questions wait for this neighbour.
    func openCount(of node: NodeID) -> Int { pending.keys.count { $0.node == node } }

    private func finish(_ key: Key, _ result: Result<Answer, DocumentFailure>, _ frame: String) -> WireFault? {
        guard let open = pending.removeValue(forKey: key) else {
            return isLate(key, byteCount: 0) ? nil : WireFault(.unsolicited, frame)
        }
        open.finish(result)
        return nil
    }

    /// True if the answer is to a question that was given up, and no longer than it may be.
    private func isLate(_ key: Key, byteCount: Int) -> Bool {
        guard let place = late[key.node]?.firstIndex(where: { $0.request == key.request }),
            let rest = late[key.node]?[place].rest, byteCount <= rest
        else { return false }
        late[key.node]?[place].rest = rest - byteCount
        return true
    }

    private func giveUp(_ key: Key, _ open: Pending) {
        late[key.node, default: []].append((key.request, max(0, (open.total ?? open.byteCountMax) - open.bytes.count)))
        if late[key.node, default: []].count > Limits.lateAnswerCountMax { late[key.node]?.removeFirst() }
        _ = finish(key, .failure(.timedOut), "")
    }

    private func startClock() {
        guard clock == nil else { return }
        let timer = LoopTimer { [weak self] in self?.expire() }
        timer.start(after: .milliseconds(500), repeating: .milliseconds(500))
        clock = timer
    }

    private func expire() {
        let now = Clock.now()
        for (key, open) in pending
        where now - open.lastHeard > .seconds(Limits.documentSilenceSeconds)
            || now - open.began > .seconds(Limits.documentSeconds)
        {
            giveUp(key, open)
        }
    }
}

/// A rule that a neighbour broke, with the code that its GOODBYE gets.
struct WireFault: Sendable {
    let code: GoodbyeCode
    let text: String

    init(_ code: GoodbyeCode, _ text: String) {
        self.code = code
        self.text = text
    }
}
