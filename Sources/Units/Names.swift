/// The rule for one part of a name: `[A-Za-z0-9][A-Za-z0-9._-]*`, at most 64 bytes.
enum NameRule {
    static func isPart(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
        return text.utf8.count <= Limits.namePartByteCountMax
            && text.utf8.allSatisfy { isAlphanumeric($0) || ".-_".utf8.contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}

/// A value that is one checked piece of text.
public protocol Name: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Nil if `text` breaks the type's rule.
    init?(_ text: some StringProtocol)
    /// The text.
    var text: String { get }
}

extension Name {
    /// The text itself.
    public var description: String { text }

    /// By the bytes of the text, the same on every machine.
    public static func < (left: Self, right: Self) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }
}

/// A model: parts joined by `/`, none of which is `versions` or `current`; at most 128 bytes.
public struct ModelName: Name {
    /// All parts with the slashes between them.
    public let text: String

    /// Nil unless every part is a name and none is reserved.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Limits.modelNameByteCountMax else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ NameRule.isPart($0) && $0 != "versions" && $0 != "current" }) else { return nil }
        self.text = String(text)
    }

    /// The parts between the slashes; at least one.
    public var parts: [String] { text.split(separator: "/").map(String.init) }
}

/// A version's name for people. Eight or more hexadecimal digits are refused, since they could be a digest.
public struct Tag: Name {
    /// As the publisher wrote it; capitals count.
    public let text: String

    /// Nil unless `text` is one part that could not be a digest.
    public init?(_ text: some StringProtocol) {
        let looksLikeDigest = text.utf8.count >= 8 && text.allSatisfy(\.isHexDigit)
        guard NameRule.isPart(text), !looksLikeDigest else { return nil }
        self.text = String(text)
    }
}

/// A channel: one part, for example `stable`.
public struct ChannelName: Name {
    /// As it was written; capitals count.
    public let text: String

    /// Nil unless `text` is one part.
    public init?(_ text: some StringProtocol) {
        guard NameRule.isPart(text) else { return nil }
        self.text = String(text)
    }

    /// What MODEL alone means.
    public static let stable: ChannelName = {
        guard let name = ChannelName("stable") else { preconditionFailure("stable is a name") }
        return name
    }()
}

/// A hardware flavour of a version: one part, `default` when there is only one.
public struct VariantName: Name {
    /// As the publisher wrote it; capitals count.
    public let text: String

    /// Nil unless `text` is one part.
    public init?(_ text: some StringProtocol) {
        guard NameRule.isPart(text) else { return nil }
        self.text = String(text)
    }

    /// The one variant of a version that has only one.
    public static let `default`: VariantName = {
        guard let name = VariantName("default") else { preconditionFailure("default is a name") }
        return name
    }()
}

/// A node's name for people: one part. The certificate carries it.
public struct NodeName: Name {
    /// As it was written; capitals count.
    public let text: String

    /// Nil unless `text` is one part.
    public init?(_ text: some StringProtocol) {
        guard NameRule.isPart(text) else { return nil }
        self.text = String(text)
    }
}

/// A model and one of its channels, written `MODEL:CHANNEL`.
public struct ModelChannel: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The model.
    public let model: ModelName
    /// The channel.
    public let channel: ChannelName

    /// Any model may have any channel.
    public init(model: ModelName, channel: ChannelName) {
        self.model = model
        self.channel = channel
    }

    /// `MODEL:CHANNEL`.
    public var description: String { "\(model):\(channel)" }

    /// By model, then by channel.
    public static func < (left: ModelChannel, right: ModelChannel) -> Bool {
        left.model == right.model ? left.channel < right.channel : left.model < right.model
    }
}

extension Collection<ModelChannel> {
    /// Of the channels that a node follows, the one that says what it runs of a model: stable if it is among them, else
    /// the first; nil if none is of the model.
    public func deciding(for model: ModelName) -> ModelChannel? {
        let channels = filter { $0.model == model }
        return channels.first { $0.channel == .stable } ?? channels.first
    }
}
