public import Units

/// Nodes that take a head at a later moment.
public struct Ring: Hashable, Sendable {
    /// Which nodes, by their labels; empty for all. At most 256 bytes.
    public let selector: String
    /// How many of them, in parts of a thousand.
    public let sharePerMille: UInt16
    /// How long to wait after the ring before.
    public let waitSeconds: UInt32

    /// A ring; `Head` checks the bounds.
    public init(selector: String, sharePerMille: UInt16, waitSeconds: UInt32) {
        self.selector = selector
        self.sharePerMille = sharePerMille
        self.waitSeconds = waitSeconds
    }
}

/// Nodes that stay on another version.
public struct Pin: Hashable, Sendable {
    /// Which nodes, by their labels; 1 to 256 bytes.
    public let selector: String
    /// The manifest digest of the version that they run.
    public let version: Digest

    /// A pin; `Head` checks the bounds.
    public init(selector: String, version: Digest) {
        self.selector = selector
        self.version = version
    }
}

/// How a head reaches the nodes. All zero and empty where no rollout is used.
public struct Rollout: Hashable, Sendable {
    /// The share of failures, in parts of a thousand, that halts the rollout; 0 for no rollout.
    public let haltSharePerMille: UInt16
    /// When all nodes switch; nil for at once.
    public let flipAt: WallTime?
    /// In the order in which they take the head.
    public let rings: [Ring]
    /// Ascending by selector.
    public let pins: [Pin]

    /// Pins may come in any order. `Head` checks the bounds.
    public init(haltSharePerMille: UInt16, flipAt: WallTime? = nil, rings: [Ring] = [], pins: [Pin] = []) {
        self.haltSharePerMille = haltSharePerMille
        self.flipAt = flipAt
        self.rings = rings
        self.pins = pins.sorted { $0.selector.utf8.lexicographicallyPrecedes($1.selector.utf8) }
    }

    init(haltSharePerMille: UInt16, flipAt: WallTime?, rings: [Ring], sortedPins: [Pin]) {
        self.haltSharePerMille = haltSharePerMille
        self.flipAt = flipAt
        self.rings = rings
        pins = sortedPins
    }

    /// Everybody at once.
    public static let none = Rollout(haltSharePerMille: 0)
}

/// Which version a channel names now.
///
/// Every value keeps the rules of `documents.md`, section 6.
public struct Head: DocumentBody {
    /// The kind that the envelope names.
    public static let kind = DocumentKind.head

    /// The cluster for which it was signed.
    public let cluster: ClusterID
    /// The root under which it was signed.
    public let rootVersion: UInt32
    /// The model and the channel that it moves.
    public let channel: ModelChannel
    /// Its place in the channel's order; the counter is 1 or more.
    public let rank: Rank
    /// The digest of a manifest of the model.
    public let version: Digest
    /// When it was signed.
    public let issued: WallTime
    /// After this it is still followed, and shows as stale.
    public let expires: WallTime
    /// How it reaches the nodes.
    public let rollout: Rollout

    /// A head for a publisher.
    /// - Throws: a DocumentError that names the field which breaks a rule.
    public init(
        cluster: ClusterID, rootVersion: UInt32, channel: ModelChannel, rank: Rank, version: Digest, issued: WallTime,
        expires: WallTime, rollout: Rollout = .none
    ) throws(DocumentError) {
        self.cluster = cluster
        self.rootVersion = rootVersion
        self.channel = channel
        self.rank = rank
        self.version = version
        self.issued = issued
        self.expires = expires
        self.rollout = rollout
        try validate()
    }

    /// Reads the canonical encoding and nothing else.
    public init(body: [UInt8], sha256: SHA256Function) throws(DocumentError) { try self.init(body: body) }

    /// Reads the canonical encoding and nothing else.
    public init(body: [UInt8]) throws(DocumentError) {
        var reader = DocumentReader(body, document: "head")
        try reader.format()
        cluster = try reader.identifier(ClusterID.self, "cluster id")
        rootVersion = try reader.u32("root version")
        channel = try reader.channel()
        rank = Rank(epoch: try reader.u32("epoch"), counter: try reader.u64("counter"))
        version = try reader.identifier(Digest.self, "version")
        issued = try reader.time("issued")
        expires = try reader.time("expires")
        let haltShare = try reader.u16("halt share")
        let flipAt = try reader.time("flip at")
        var rings: [Ring] = []
        for _ in 0..<(try reader.count(UInt8.self, in: 0...Limits.ringCountMax, "rings")) {
            rings.append(
                Ring(
                    selector: try reader.string(0...Limits.selectorByteCountMax, "ring selector"),
                    sharePerMille: try reader.u16("ring share"), waitSeconds: try reader.u32("ring wait")))
        }
        var pins: [Pin] = []
        for _ in 0..<(try reader.count(UInt8.self, in: 0...Limits.pinCountMax, "pins")) {
            let selector = try reader.string(1...Limits.selectorByteCountMax, "pin selector")
            pins.append(Pin(selector: selector, version: try reader.identifier(Digest.self, "pin version")))
        }
        rollout = Rollout(
            haltSharePerMille: haltShare, flipAt: flipAt.secondsSince1970 == 0 ? nil : flipAt, rings: rings,
            sortedPins: pins)
        try reader.requireEnd()
        try validate()
    }

    /// The canonical bytes.
    public func encode() -> [UInt8] {
        var writer = ByteWriter(reserving: 512)
        writer.integer(1 as UInt16)
        writer.identifier(cluster)
        writer.integer(rootVersion)
        writer.name(channel.model)
        writer.name(channel.channel)
        writer.integer(rank.epoch)
        writer.integer(rank.counter)
        writer.identifier(version)
        writer.time(issued)
        writer.time(expires)
        writer.integer(rollout.haltSharePerMille)
        writer.time(rollout.flipAt ?? WallTime(secondsSince1970: 0))
        writer.integer(UInt8(rollout.rings.count))
        for ring in rollout.rings {
            writer.string(ring.selector)
            writer.integer(ring.sharePerMille)
            writer.integer(ring.waitSeconds)
        }
        writer.integer(UInt8(rollout.pins.count))
        for pin in rollout.pins {
            writer.string(pin.selector)
            writer.identifier(pin.version)
        }
        return writer.bytes
    }

    /// True after its last second: it is still followed, and shows as stale.
    public func isStale(at now: WallTime) -> Bool { now > expires }
}

extension Head {
    private func validate() throws(DocumentError) {
        func fail(_ code: DocumentError.Code, _ field: String, _ detail: String = "") -> DocumentError {
            DocumentError(code, document: "head", field: field, detail: detail)
        }
        guard rootVersion >= 1 else { throw fail(.outOfRange, "root version") }
        guard rank.epoch >= 1 else { throw fail(.outOfRange, "epoch") }
        guard rank.counter >= 1 else { throw fail(.outOfRange, "counter") }
        guard isAllowed(issued) else { throw fail(.outOfRange, "issued") }
        guard isAllowed(expires), expires > issued else { throw fail(.invalid, "expires", "not after issued") }
        guard rollout.haltSharePerMille <= Limits.perMilleMax else { throw fail(.outOfRange, "halt share") }
        // 0 on the wire is nil here, so a date of 0 would have two forms.
        guard rollout.flipAt.map({ isAllowed($0) && $0.secondsSince1970 != 0 }) ?? true else {
            throw fail(.outOfRange, "flip at")
        }
        guard rollout.rings.count <= Limits.ringCountMax else { throw fail(.outOfRange, "rings") }
        for ring in rollout.rings {
            guard ring.selector.utf8.count <= Limits.selectorByteCountMax else {
                throw fail(.outOfRange, "ring selector")
            }
            guard ring.sharePerMille <= Limits.perMilleMax else { throw fail(.outOfRange, "ring share") }
        }
        guard rollout.pins.count <= Limits.pinCountMax else { throw fail(.outOfRange, "pins") }
        guard rollout.pins.allSatisfy({ (1...Limits.selectorByteCountMax).contains($0.selector.utf8.count) }) else {
            throw fail(.outOfRange, "pin selector")
        }
        guard isAscendingByBytes(rollout.pins.map(\.selector)) else {
            throw fail(.invalid, "pins", "not ascending by selector, or twice the same")
        }
    }
}

extension DocumentReader {
    /// A model and a channel, as heads and deny records name them.
    mutating func channel() throws(DocumentError) -> ModelChannel {
        let model = try name(ModelName.self, "model")
        return ModelChannel(
            model: model, channel: try name(ChannelName.self, atMost: Limits.namePartByteCountMax, "channel"))
    }
}
