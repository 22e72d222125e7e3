internal import Units

/// The last frame of a connection.
public struct Goodbye: Hashable, Sendable {
    /// Why.
    public let code: GoodbyeCode
    /// For the log of the other side; at most 256 bytes. Hostile text when it comes from a peer.
    public let text: String

    /// A text that is too long is cut at a code point.
    public init(_ code: GoodbyeCode, _ text: String = "") {
        self.code = code
        guard text.utf8.count > Limits.goodbyeTextByteCountMax else {
            self.text = text
            return
        }
        let cut = text.utf8.prefix(Limits.goodbyeTextByteCountMax)
        self.text = (0..<4).lazy.compactMap { String(validating: cut.dropLast($0), as: UTF8.self) }.first ?? ""
    }
}
