public import Units
import Wire

extension StatusRecord {
    /// What the signature covers, with one zero byte and the body after it.
    public static let domain = "shoal/1 status"

    /// The canonical bytes. Of more channels than fit into a signed record, those that come last are left out.
    public func encode() -> [UInt8] {
        var writer = ByteWriter(reserving: 512)
        writer.integer(1 as UInt16)
        writer.identifier(cluster)
        writer.identifier(node)
        writer.integer(stamp.boot)
        writer.integer(stamp.sequence)
        writer.integer(UInt64(max(0, issued.secondsSince1970)))
        writer.name(name)
        writer.string(software)
        writer.string(state)
        writer.integer(receivedPerSecond)
        writer.integer(sentPerSecond)
        writer.integer(UInt8(labels.count))
        for label in labels {
            writer.string(label.key)
            writer.string(label.value)
        }
        let room = Limits.statusByteCountMax - SignedStatus.overheadByteCountMax - writer.bytes.count - 1
        let encoded = Self.fitting(channels.map(\.encoded), room)
        writer.integer(UInt8(encoded.count))
        for channel in encoded { writer.raw(channel) }
        return writer.bytes
    }

    private static func fitting(_ parts: [[UInt8]], _ room: Int) -> ArraySlice<[UInt8]> {
        var byteCount = 0
        let end = parts.firstIndex { part in
            byteCount += part.count
            return byteCount > room
        }
        return parts[..<(end ?? parts.endIndex)]
    }

    /// Reads the canonical encoding and nothing else.
    public init(body: some Collection<UInt8>) throws(DecodingError) {
        var reader = ByteReader(Array(body))
        let head = try StatusHead(from: &reader)
        let seconds = try reader.integer(UInt64.self, "issued")
        guard seconds <= UInt64(Limits.secondsSince1970Max) else { throw DecodingError(.outOfRange, "issued") }
        let name = try reader.name(NodeName.self, "name")
        let software = try reader.string(atMost: Limits.statusTextByteCountMax, "software")
        let state = try reader.string(atMost: Limits.statusTextByteCountMax, "state")
        let received = try reader.integer(UInt64.self, "received")
        let sent = try reader.integer(UInt64.self, "sent")
        let labels = try Self.labels(from: &reader)
        let channels = try Self.channels(from: &reader)
        try reader.requireEnd("end")
        self.init(
            cluster: head.cluster, node: head.node, stamp: head.stamp,
            issued: WallTime(secondsSince1970: Int64(seconds)), name: name, software: software, state: state,
            receivedPerSecond: received, sentPerSecond: sent, labels: labels, channels: channels)
    }

    private static func labels(from reader: inout ByteReader) throws(DecodingError) -> [Label] {
        var labels: [Label] = []
        for _ in 0..<(try reader.integer(UInt8.self, "labels")) {
            let key = try reader.string(atMost: Limits.labelKeyByteCountMax, "label")
            let value = try reader.string(atMost: Limits.labelValueByteCountMax, "label")
            guard let label = Label(key: key, value: value),
                labels.last.map({ $0.key.utf8.lexicographicallyPrecedes(key.utf8) }) ?? true
            else { throw DecodingError(.invalid, "labels") }
            labels.append(label)
        }
        guard labels.count <= Limits.labelCountMax else { throw DecodingError(.outOfRange, "labels") }
        return labels
    }

    private static func channels(from reader: inout ByteReader) throws(DecodingError) -> [ChannelReport] {
        var channels: [ChannelReport] = []
        let count = Int(try reader.integer(UInt8.self, "models"))
        guard count <= Limits.statusModelCountMax else { throw DecodingError(.outOfRange, "models") }
        for _ in 0..<count {
            let report = try ChannelReport(from: &reader)
            guard channels.last.map({ $0.channel < report.channel }) ?? true else {
                throw DecodingError(.invalid, "models")
            }
            channels.append(report)
        }
        return channels
    }
}

extension ChannelReport {
    fileprivate var encoded: [UInt8] {
        var writer = ByteWriter(reserving: 160)
        writer.name(channel.model)
        writer.name(channel.channel)
        writer.integer(state.rawValue)
        writer.integer(fetchedPerMille)
        for version in [wanted, served, failed] {
            writer.integer(UInt8(version == nil ? 0 : 1))
            if let version { writer.identifier(version) }
        }
        writer.string(reason)
        return writer.bytes
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingError) {
        let model = try reader.name(ModelName.self, "model")
        let channel = try reader.name(ChannelName.self, "channel")
        guard let state = State(rawValue: try reader.integer(UInt8.self, "state")) else {
            throw DecodingError(.outOfRange, "state")
        }
        let fetched = try reader.integer(UInt16.self, "fetched")
        guard fetched <= Limits.perMilleMax else { throw DecodingError(.outOfRange, "fetched") }
        func version(_ field: StaticString) throws(DecodingError) -> Digest? {
            switch try reader.integer(UInt8.self, field) {
            case 0: return nil
            case 1: return try reader.identifier(Digest.self, field)
            default: throw DecodingError(.invalid, field)
            }
        }
        self.init(
            channel: ModelChannel(model: model, channel: channel), state: state, fetchedPerMille: fetched,
            wanted: try version("wanted"), served: try version("served"), failed: try version("failed"),
            reason: try reader.string(atMost: Limits.statusReasonByteCountMax, "reason"))
    }
}

/// The fields that say whose record it is, and which.
struct StatusHead {
    let cluster: ClusterID
    let node: NodeID
    let stamp: StatusStamp

    init(from reader: inout ByteReader) throws(DecodingError) {
        guard try reader.integer(UInt16.self, "format") == 1 else { throw DecodingError(.unknownFormat, "format") }
        cluster = try reader.identifier(ClusterID.self, "cluster id")
        node = try reader.identifier(NodeID.self, "node id")
        let boot = try reader.integer(UInt64.self, "boot")
        stamp = StatusStamp(boot: boot, sequence: try reader.integer(UInt32.self, "sequence"))
    }
}

/// A body and the signature of the node's key, as STATUS carries them. Nothing is verified.
public struct SignedStatus: Hashable, Sendable {
    /// What was signed.
    public let body: [UInt8]
    /// ECDSA in DER.
    public let signature: [UInt8]

    /// Lengths and signature.
    static let overheadByteCountMax = 2 + 1 + Limits.signatureByteCountMax

    /// - Precondition: both are within their bounds.
    public init(body: [UInt8], signature: [UInt8]) {
        precondition(body.count + Self.overheadByteCountMax <= Limits.statusByteCountMax, "\(body.count) bytes")
        precondition(signature.count <= Limits.signatureByteCountMax, "a signature of \(signature.count) bytes")
        self.body = body
        self.signature = signature
    }

    /// Reads the encoding and nothing else.
    public init(_ bytes: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(bytes)
        body = Array(try reader.raw(Int(try reader.integer(UInt16.self, "body")), "body"))
        let count = Int(try reader.integer(UInt8.self, "signature"))
        guard (Limits.signatureByteCountMin...Limits.signatureByteCountMax).contains(count) else {
            throw DecodingError(.outOfRange, "signature")
        }
        signature = Array(try reader.raw(count, "signature"))
        try reader.requireEnd("end")
    }

    /// The bytes that STATUS carries.
    public func encode() -> [UInt8] {
        var writer = ByteWriter(reserving: body.count + Self.overheadByteCountMax)
        writer.integer(UInt16(body.count))
        writer.raw(body)
        writer.integer(UInt8(signature.count))
        writer.raw(signature)
        return writer.bytes
    }
}
