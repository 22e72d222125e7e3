import OrderedCollections
import Units

extension Swarm {
    /// Traps if the state contradicts itself. Debug builds do it after each event, with the expensive parts for small
    /// versions only; simulations may do it whenever they like.
    public func checkInvariants() {
        checkSums()
        for exchange in exchanges.values { exchange.checkInvariants() }
        for (version, exchange) in exchanges {
            for ticket in exchange.pending.values {
                let isOpen = neighbours[ticket.source]?.requests[ticket.request]?.ticket == ticket
                precondition(isOpen || verifying[ticket] != nil, "\(ticket) of \(version) waits for nothing")
            }
        }
    }

    func invariantsHold() -> Bool {
        checkSums()
        for exchange in exchanges.values where exchange.chunkCount <= 64 { exchange.checkInvariants() }
        return true
    }

    private func checkSums() {
        var (requestCount, outstanding) = (0, 0)
        for neighbour in neighbours.values {
            precondition(neighbour.queue.count <= Limits.openRequestCountMax, "a queue is too long")
            requestCount += neighbour.requests.count
            let sum = neighbour.requests.values.reduce(0) { $0 + $1.byteCount }
            precondition(sum == neighbour.outstandingByteCount, "\(sum) bytes asked of \(neighbour.node)")
            outstanding += sum
        }
        precondition(requestCount == outstandingRequestCount, "\(requestCount) != \(outstandingRequestCount) requests")
        precondition(outstanding == outstandingByteCount, "\(outstanding) != \(outstandingByteCount) bytes")
        let offers = neighbours.values.flatMap { $0.requests.values }.filter { $0.isOffered }
        precondition(offers.count == offered.count, "\(offers.count) != \(offered.count) offered")
        let sum = offers.reduce(0) { $0 + $1.byteCount }
        precondition(sum == offered.byteCount, "\(sum) != \(offered.byteCount) bytes offered")
        let unverified = outstanding + verifying.values.reduce(0, +)
        precondition(unverified == unverifiedByteCount, "\(unverified) != \(unverifiedByteCount) bytes")
        precondition(unverified <= limits.unverifiedByteCountMax, "\(unverified) bytes unverified")
        let queued = neighbours.values.reduce(0) { $0 + $1.queue.count }
        precondition(queued == queuedUploadCount, "\(queued) != \(queuedUploadCount) queued")
        let late = uploads.values.reduce(0) { $0 + ($1.isLate ? 1 : 0) }
        precondition(late == lateUploadCount, "\(late) != \(lateUploadCount) late uploads")
        precondition(uploads.count <= Limits.uploadCountMax, "\(uploads.count) uploads")
    }
}

extension VersionExchange {
    func checkInvariants() {
        for number in 0..<UInt32(chunkCount) {
            let chunk = ChunkIndex(number)
            let states = [wanted.contains(chunk), pending[chunk] != nil, held.contains(chunk)].filter { $0 }.count
            precondition(states <= 1, "chunk \(chunk) is in \(states) states")
            let holders = views.values.reduce(0) { $0 + ($1.contains(chunk) ? 1 : 0) }
            precondition(holders == holderCount(of: chunk), "\(holders) hold chunk \(chunk)")
        }
        let reserved = views.values.reduce(0) { $0 + ($1.isReserved ? 1 : 0) }
        precondition(reserved == reservedViewCount, "\(reserved) are asked for offers only, not \(reservedViewCount)")
        guard let crossings else { return }
        for number in 0..<UInt32(chunkCount) {
            let chunk = ChunkIndex(number)
            let isInside = views.values.contains { $0.isCountedInside && $0.contains(chunk) }
            precondition(isInside == crossings.isInside(chunk), "chunk \(chunk) is inside: \(isInside)")
            guard crossings.ripe.contains(chunk) else { continue }
            precondition(!isInside && wanted.contains(chunk), "chunk \(chunk) is ripe for nothing")
        }
    }
}
