public import Units

/// Which models a key is for: `*` (all), a model, or a model followed by `/*` (every model below it).
public struct ModelPattern: Name {
    /// The text.
    public let text: String

    /// Nil if `text` breaks the rule.
    public init?(_ text: some StringProtocol) {
        let isBelow = text.utf8.count > 2 && text.hasSuffix("/*")
        guard text == "*" || ModelName(isBelow ? String(text.dropLast(2)) : String(text)) != nil else { return nil }
        self.text = String(text)
    }

    /// Every model.
    public static let all: ModelPattern = {
        guard let pattern = ModelPattern("*") else { preconditionFailure("* is a pattern") }
        return pattern
    }()

    /// True if the key is for `model`.
    public func matches(_ model: ModelName) -> Bool {
        if text == "*" { return true }
        return text.hasSuffix("/*") ? model.text.hasPrefix(text.dropLast(1)) : model.text == text
    }
}
