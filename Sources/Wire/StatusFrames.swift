public import Units

/// How new a node's status record is: a later start wins, and within one run a higher sequence.
public struct StatusStamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Rises with each start of the node's agent.
    public let boot: UInt64
    /// Rises with each record of that run, from 1.
    public let sequence: UInt32

    /// Any numbers.
    public init(boot: UInt64, sequence: UInt32) {
        self.boot = boot
        self.sequence = sequence
    }

    /// For logs.
    public var description: String { "\(boot).\(sequence)" }

    /// The older first.
    public static func < (left: StatusStamp, right: StatusStamp) -> Bool {
        (left.boot, left.sequence) < (right.boot, right.sequence)
    }

    init(from reader: inout FrameReader) throws(WireError) {
        self.init(boot: try reader.u64("boot"), sequence: try reader.u32("sequence"))
    }

    func append(to output: inout [UInt8]) {
        output.appendBigEndian(boot)
        output.appendBigEndian(sequence)
    }
}

/// A status record that the sender has.
public struct StatusNews: Hashable, Sendable {
    /// Whose.
    public let node: NodeID
    /// Which.
    public let stamp: StatusStamp

    /// A record's name.
    public init(node: NodeID, stamp: StatusStamp) {
        self.node = node
        self.stamp = stamp
    }

    init(from reader: inout FrameReader) throws(WireError) {
        self.init(node: try reader.identifier(NodeID.self, "node"), stamp: try StatusStamp(from: &reader))
    }

    func append(to output: inout [UInt8]) {
        output.append(contentsOf: node.bytes)
        stamp.append(to: &output)
    }
}

/// Asks for a node's newest status record.
public struct StatusQuestion: Hashable, Sendable {
    /// Whose.
    public let node: NodeID
    /// Whether the node's certificate is asked for as well.
    public let wantsCertificate: Bool

    /// A question.
    public init(node: NodeID, wantsCertificate: Bool) {
        self.node = node
        self.wantsCertificate = wantsCertificate
    }

    init(from reader: inout FrameReader) throws(WireError) {
        let node = try reader.identifier(NodeID.self, "node")
        let flags = try reader.u8("flags")
        guard flags <= 1 else { throw reader.malformed("flags") }
        self.init(node: node, wantsCertificate: flags == 1)
    }

    func append(to output: inout [UInt8]) {
        output.append(contentsOf: node.bytes)
        output.append(wantsCertificate ? 1 : 0)
    }
}

/// A node's status record, as it was signed.
public struct StatusFrame: Hashable, Sendable {
    /// How many seconds ago the sender had it first, on its own clock, and whoever told the sender before that.
    public let ageSeconds: UInt32
    /// The signed record, at most 4,096 bytes: `documents.md`, section 10.
    public let record: [UInt8]
    /// The node's certificate in DER, at most 2,048 bytes; empty unless it was asked for.
    public let certificate: [UInt8]

    /// - Precondition: both are within their bounds, and the record is not empty.
    public init(ageSeconds: UInt32, record: [UInt8], certificate: [UInt8] = []) {
        precondition((1...Limits.statusByteCountMax).contains(record.count), "a status of \(record.count) bytes")
        precondition(certificate.count <= Limits.certificateFrameByteCountMax, "\(certificate.count) bytes")
        self.ageSeconds = ageSeconds
        self.record = record
        self.certificate = certificate
    }

    init(from reader: inout FrameReader) throws(WireError) {
        ageSeconds = try reader.u32("age")
        let count = try reader.count(UInt16.self, atMost: Limits.statusByteCountMax, "record")
        guard count > 0 else { throw reader.malformed("record") }
        record = Array(try reader.raw(count, "record"))
        let certificateCount = try reader.count(
            UInt16.self, atMost: Limits.certificateFrameByteCountMax, "certificate")
        certificate = Array(try reader.raw(certificateCount, "certificate"))
    }

    func append(to output: inout [UInt8]) {
        output.appendBigEndian(ageSeconds)
        output.appendBigEndian(UInt16(record.count))
        output.append(contentsOf: record)
        output.appendBigEndian(UInt16(certificate.count))
        output.append(contentsOf: certificate)
    }
}

extension Message {
    /// A list of one or more entries, each node once and ascending.
    static func readStatusNews(from reader: inout FrameReader) throws(WireError) -> Message {
        var news: [StatusNews] = []
        for _ in 0..<(try reader.count(UInt16.self, atMost: Limits.statusNewsCountMax, "count")) {
            news.append(try StatusNews(from: &reader))
        }
        try requireAscending(news.map(\.node), reader)
        return .statusNews(news)
    }

    /// The same of questions.
    static func readStatusQuery(from reader: inout FrameReader) throws(WireError) -> Message {
        var questions: [StatusQuestion] = []
        for _ in 0..<(try reader.count(UInt16.self, atMost: Limits.statusQueryCountMax, "count")) {
            questions.append(try StatusQuestion(from: &reader))
        }
        try requireAscending(questions.map(\.node), reader)
        return .statusQuery(questions)
    }

    private static func requireAscending(_ nodes: [NodeID], _ reader: FrameReader) throws(WireError) {
        guard !nodes.isEmpty else { throw reader.malformed("count") }
        guard zip(nodes, nodes.dropFirst()).allSatisfy({ $0 < $1 }) else { throw reader.malformed("order") }
    }
}
