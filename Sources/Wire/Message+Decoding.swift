internal import Units

extension Message {
    /// Reads a body of which the length was checked against the type's bounds. Nothing may be left over.
    init(_ type: FrameType, body: ArraySlice<UInt8>) throws(WireError) {
        var reader = FrameReader(body, type: type)
        self = try Self.read(type, from: &reader)
        try reader.requireEnd()
    }

    private static func read(_ type: FrameType, from reader: inout FrameReader) throws(WireError) -> Message {
        switch type {
        case .hello: return .hello(try Hello(from: &reader))
        case .models: return try readModels(from: &reader)
        case .peers: return try readPeers(from: &reader)
        case .ping: return .ping(try reader.u64("token"))
        case .pong: return .pong(try reader.u64("token"))
        case .goodbye:
            let code = GoodbyeCode(rawValue: try reader.u16("code"))
            return .goodbye(Goodbye(code, try reader.string(atMost: Limits.goodbyeTextByteCountMax, "text")))
        case .find: return .find(try Find(from: &reader))
        case .found: return try readFound(from: &reader)
        case .holdings: return try readHoldings(from: &reader)
        case .have: return .have(try ChunkList(from: &reader))
        case .withdraw: return .withdraw(try ChunkList(from: &reader))
        case .leave: return .leave(try reader.version())
        case .offer: return .offer(try reader.chunk())
        case .claim:
            return .claim(Claim(chunk: try reader.chunk(), claimant: try reader.identifier(NodeID.self, "claimant")))
        case .bad: return .bad(try reader.chunk())
        case .levelled: return .levelled
        case .space: return .space(try Space(from: &reader))
        case .statusNews: return try readStatusNews(from: &reader)
        case .statusQuery: return try readStatusQuery(from: &reader)
        case .status: return .status(try StatusFrame(from: &reader))
        default: return try readExchange(type, from: &reader)
        }
    }

    /// Questions and answers: what carries a request's number; and documents.
    private static func readExchange(_ type: FrameType, from reader: inout FrameReader) throws(WireError) -> Message {
        if type == .document { return try readDocument(from: &reader) }
        let request = try reader.request()
        switch type {
        case .versionsQuery: return .versionsQuery(VersionsQuery(request: request, model: try reader.model()))
        case .versions:
            var manifests: [Digest] = []
            for _ in 0..<(try reader.count(UInt16.self, atMost: Limits.versionsCountMax, "count")) {
                manifests.append(try reader.version())
            }
            return .versions(Versions(request: request, manifests: manifests))
        case .fetch:
            guard let kind = Fetch.Kind(rawValue: try reader.u8("kind")) else { throw reader.malformed("kind") }
            return .fetch(Fetch(request: request, kind: kind, digest: try reader.identifier(Digest.self, "digest")))
        case .part: return try readPart(request, from: &reader)
        case .absent:
            guard let reason = Absent.Reason(rawValue: try reader.u8("reason")) else {
                throw reader.malformed("reason")
            }
            return .absent(Absent(request: request, reason: reason))
        case .request: return .request(Request(request: request, chunk: try reader.chunk()))
        case .cancel: return .cancel(request)
        case .data:
            let offset = try reader.u32("offset")
            return .data(DataFrame(request: request, offset: offset, payload: reader.rest()))
        case .refuse:
            guard let reason = Refuse.Reason(rawValue: try reader.u8("reason")) else {
                throw reader.malformed("reason")
            }
            return .refuse(Refuse(request: request, reason: reason, retryMilliseconds: try reader.u32("milliseconds")))
        case .renew: return .renew(request)
        case .certificate:
            let count = try reader.count(UInt16.self, atMost: Limits.certificateFrameByteCountMax, "certificate")
            guard count > 0 else { throw reader.malformed("certificate") }
            return .certificate(
                CertificateFrame(request: request, certificate: Array(try reader.raw(count, "certificate"))))
        default: preconditionFailure("\(type) is no question and no answer")
        }
    }

    private static func readModels(from reader: inout FrameReader) throws(WireError) -> Message {
        let models = try reader.models(try reader.count(UInt16.self, atMost: Limits.modelsCountMax, "count"))
        guard zip(models, models.dropFirst()).allSatisfy({ $0 < $1 }) else { throw reader.malformed("order") }
        return .models(models)
    }

    private static func readPeers(from reader: inout FrameReader) throws(WireError) -> Message {
        let count = Int(try reader.u8("count"))
        guard count <= Limits.peersCountMax else {
            throw WireError(.tooManyAddresses, type: FrameType.peers.rawValue, field: "count")
        }
        var entries: [PeerEntry] = []
        for _ in 0..<count { entries.append(try PeerEntry(from: &reader)) }
        return .peers(Peers(fitting: entries))
    }

    private static func readFound(from reader: inout FrameReader) throws(WireError) -> Message {
        let id = try reader.identifier(FindID.self, "id")
        var entries: [PeerEntry] = []
        for _ in 0..<(try reader.count(UInt8.self, atMost: Limits.foundCountMax, "count")) {
            entries.append(try PeerEntry(from: &reader))
        }
        return .found(Found(id: id, entries: entries))
    }

    private static func readDocument(from reader: inout FrameReader) throws(WireError) -> Message {
        guard let kind = DocumentFrame.Kind(rawValue: try reader.u8("kind")) else { throw reader.malformed("kind") }
        let envelope = reader.rest()
        guard envelope.count <= kind.byteCountMax else { throw reader.tooLarge("envelope") }
        return .document(DocumentFrame(kind: kind, envelope: envelope))
    }

    private static func readPart(
        _ request: RequestID, from reader: inout FrameReader
    ) throws(WireError) -> Message {
        let total = try reader.u32("total")
        let offset = try reader.u32("offset")
        let bytes = reader.rest()
        guard total <= Limits.layoutByteCountMax else { throw reader.tooLarge("total") }
        guard Int(offset) + bytes.count <= Int(total) else { throw reader.malformed("offset") }
        return .part(Part(request: request, total: total, offset: offset, bytes: bytes))
    }

    private static func readHoldings(from reader: inout FrameReader) throws(WireError) -> Message {
        let version = try reader.version()
        let flags = Holdings.Flags(rawValue: try reader.u8("flags"))
        let chunkCount = try reader.u32("chunks of the version")
        let firstChunk = try reader.u32("first chunk")
        let holdings = Holdings(
            unchecked: version, flags: flags, chunkCount: chunkCount, firstChunk: firstChunk, bitmap: reader.rest())
        if let problem = holdings.problem { throw reader.malformed(problem) }
        return .holdings(holdings)
    }
}

extension Hello {
    /// Fields of a later minor version may follow those that are known here; they are ignored.
    fileprivate init(from reader: inout FrameReader) throws(WireError) {
        let minorVersion = try reader.u16("minor version")
        let features = try reader.u64("features")
        let rootVersion = try reader.u32("root version")
        let flags = try reader.u8("flags")
        let lane = try reader.u8("lane")
        let instance = try reader.u64("instance")
        let software = try reader.string(atMost: Limits.softwareByteCountMax, "software")
        let listeningPort = try reader.u16("listening port")
        var addresses: [IPAddress] = []
        for _ in 0..<(try reader.count(UInt8.self, atMost: Limits.helloAddressCountMax, "addresses")) {
            addresses.append(try reader.address())
        }
        var labels: [Label] = []
        for _ in 0..<(try reader.count(UInt8.self, atMost: Limits.labelCountMax, "labels")) {
            let key = try reader.string(atMost: Limits.labelKeyByteCountMax, "label")
            let value = try reader.string(atMost: Limits.labelValueByteCountMax, "label")
            guard let label = Label(key: key, value: value) else { throw reader.malformed("label") }
            labels.append(label)
        }
        guard Self.isAscending(labels) else { throw reader.malformed("labels") }
        _ = reader.rest()
        self.init(
            rootVersion: rootVersion, instance: instance, software: software, listeningPort: listeningPort,
            addresses: addresses, labels: labels, issuesCertificates: flags & 1 != 0, minorVersion: minorVersion,
            features: features, lane: lane)
    }
}

extension PeerEntry {
    fileprivate init(from reader: inout FrameReader) throws(WireError) {
        let node = try reader.identifier(NodeID.self, "node id")
        let flags = try reader.u8("flags")
        let address = try reader.address()
        let endpoint = Endpoint(address: address, port: try reader.u16("port"))
        let count = try reader.count(UInt8.self, atMost: Limits.peerModelCountMax, "models")
        self.init(
            node: node, endpoint: endpoint, models: try reader.models(count), issuesCertificates: flags & 1 != 0,
            placeMark: flags >> 1)
    }
}

extension Find {
    fileprivate init(from reader: inout FrameReader) throws(WireError) {
        let id = try reader.identifier(FindID.self, "id")
        let hopsLeft = try reader.u8("hops left")
        guard hopsLeft <= Limits.findHopCountMax else { throw reader.malformed("hops left") }
        let target: Target
        switch try reader.u8("what") {
        case 1: target = .model(try reader.model())
        case 2:
            guard try reader.string(atMost: Limits.modelNameByteCountMax, "model").isEmpty else {
                throw reader.malformed("model")
            }
            target = .issuer
        default: throw reader.malformed("what")
        }
        self.init(id: id, hopsLeft: hopsLeft, target: target)
    }
}

extension ChunkList {
    fileprivate init(from reader: inout FrameReader) throws(WireError) {
        let version = try reader.version()
        let count = try reader.count(UInt16.self, atMost: Limits.haveChunkCountMax, "count")
        guard count > 0 else { throw reader.malformed("count") }
        var chunks: [ChunkIndex] = []
        chunks.reserveCapacity(count)
        for _ in 0..<count {
            let chunk = ChunkIndex(try reader.u32("chunk"))
            if let last = chunks.last, last >= chunk { throw reader.malformed("order") }
            chunks.append(chunk)
        }
        self.init(version: version, chunks: chunks)
    }
}
