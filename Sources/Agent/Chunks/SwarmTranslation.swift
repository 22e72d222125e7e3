internal import Swarm
internal import Units
internal import Wire

/// Frames of the wire as messages of the core, field by field.
extension SwarmMessage {
    /// Nil for frames that are not the core's business.
    init?(_ message: Message) {
        switch message {
        case .models(let models): self = .models(models)
        case .peers(let peers): self = .peers(peers.entries.map(SwarmPeerEntry.init(wire:)))
        case .holdings(let part):
            self = .holdings(
                HoldingsPart(
                    version: part.version, flags: HoldingsFlags(rawValue: part.flags.rawValue), chunkCount: part.chunkCount,
                    firstChunk: part.firstChunk, bitmap: part.bitmap))
        case .have(let list): self = .have(list.version, list.chunks)
        case .withdraw(let list): self = .withdraw(list.version, list.chunks)
        case .leave(let version): self = .leave(version)
        case .offer(let chunk): self = .offer(chunk.version, chunk.chunk)
        case .claim(let chunk): self = .claim(chunk.version, chunk.chunk)
        case .request(let request): self = .request(request.request.value, request.chunk.version, request.chunk.chunk)
        case .cancel(let request): self = .cancel(request.value)
        case .refuse(let refuse):
            guard let reason = RefuseReason(rawValue: refuse.reason.rawValue) else { return nil }
            self = .refuse(
                refuse.request.value, reason, retryAfter: .milliseconds(Int64(refuse.retryMilliseconds)))
        case .bad(let chunk): self = .bad(chunk.version, chunk.chunk)
        default: return nil
        }
    }

    /// The frame that says it.
    var frame: Message {
        switch self {
        case .models(let models): .models(models)
        case .peers(let entries): .peers(Peers(fitting: entries.map(WirePeerEntry.init(core:))))
        case .holdings(let part):
            .holdings(
                Holdings(
                    version: part.version, flags: .init(rawValue: part.flags.rawValue), chunkCount: part.chunkCount,
                    firstChunk: part.firstChunk, bitmap: part.bitmap))
        case .have(let version, let chunks): .have(ChunkList(version: version, chunks: chunks))
        case .withdraw(let version, let chunks): .withdraw(ChunkList(version: version, chunks: chunks))
        case .leave(let version): .leave(version)
        case .offer(let version, let chunk): .offer(ChunkReference(version: version, chunk: chunk))
        case .claim(let version, let chunk): .claim(ChunkReference(version: version, chunk: chunk))
        case .request(let request, let version, let chunk):
            .request(Request(request: RequestID(request), chunk: ChunkReference(version: version, chunk: chunk)))
        case .cancel(let request): .cancel(RequestID(request))
        case .refuse(let request, let reason, let retryAfter): Self.refuseFrame(request, reason, retryAfter)
        case .bad(let version, let chunk): .bad(ChunkReference(version: version, chunk: chunk))
        }
    }

    private static func refuseFrame(_ request: UInt32, _ reason: RefuseReason, _ retryAfter: Duration) -> Message {
        guard let wireReason = Refuse.Reason(rawValue: reason.rawValue) else {
            preconditionFailure("reason \(reason) has no code on the wire")
        }
        let milliseconds = UInt32(clamping: retryAfter.wholeMilliseconds)
        return .refuse(Refuse(request: RequestID(request), reason: wireReason, retryMilliseconds: milliseconds))
    }
}

extension SwarmPeerEntry {
    init(wire entry: WirePeerEntry) {
        self.init(
            node: entry.node, issuesCertificates: entry.issuesCertificates, endpoint: entry.endpoint, models: entry.models)
    }
}

extension WirePeerEntry {
    init(core entry: SwarmPeerEntry) {
        self.init(
            node: entry.node, endpoint: entry.endpoint, models: entry.models, issuesCertificates: entry.issuesCertificates)
    }
}
