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
        let unverified = outstanding + verifying.values.reduce(0, +)
        precondition(unverified == unverifiedByteCount, "\(unverified) != \(unverifiedByteCount) bytes")
        precondition(unverified <= limits.unverifiedByteCountMax, "\(unverified) bytes unverified")
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
        for (node, view) in views {
            let useful = wanted.indices.reduce(0) { $0 + (view.mayBeAsked(for: $1) ? 1 : 0) }
            precondition(useful == view.usefulCount, "\(node) is useful for \(useful), not \(view.usefulCount)")
        }
    }
}
