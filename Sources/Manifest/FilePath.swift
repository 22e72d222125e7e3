public import Units

/// A file's place in a variant: components joined by `/`, none of which leads elsewhere.
///
/// Equality and order are those of the bytes, as on the disk, not those of Swift's strings (for which two spellings of
/// one letter are equal).
public struct FilePath: Name {
    /// The text.
    public let text: String

    /// Nil if a rule of `documents.md`, section 1, is broken; `problem(with:)` says which.
    public init?(_ text: some StringProtocol) {
        guard Self.problem(with: text) == nil else { return nil }
        self.text = String(text)
    }

    /// What is wrong with `text` as a path, in words for a publisher; nil if nothing is.
    public static func problem(with text: some StringProtocol) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count <= Limits.filePathByteCountMax else {
            return "the path has \(bytes.count) bytes; \(Limits.filePathByteCountMax) are the most"
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }) else {
            return "the path has a control character or a backslash"
        }
        let components = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard components.count <= Limits.filePathComponentCountMax else {
            return "the path is \(components.count) deep; \(Limits.filePathComponentCountMax) is the most"
        }
        for component in components {
            guard (1...Limits.filePathComponentByteCountMax).contains(component.count) else {
                return
                    "a component has \(component.count) bytes; 1 to \(Limits.filePathComponentByteCountMax) are allowed"
            }
            guard !component.elementsEqual(".".utf8), !component.elementsEqual("..".utf8) else {
                return "a component is . or .."
            }
        }
        return nil
    }

    /// The parts between the slashes; at least one.
    public var components: [String] { text.split(separator: "/").map(String.init) }

    /// The path after ASCII letters are made lower-case: two files whose keys are equal do not go into one variant.
    var foldedBytes: [UInt8] {
        text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }

    /// True if the bytes are the same.
    public static func == (left: FilePath, right: FilePath) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    /// Over the bytes.
    public func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
        hasher.combine(0xFF as UInt8)
    }
}
