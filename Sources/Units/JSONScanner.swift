/// A text is not the JSON that was expected. The text may be anybody's, so this is an answer and no defect of ours.
public struct JSONFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was expected.
    public let expected: StaticString
    /// Where in the text, in bytes.
    public let offset: Int

    /// `byte 12: a comma or a bracket was expected`.
    public var description: String { "byte \(offset): \(expected) was expected" }

    /// Equal place and equal expectation.
    public static func == (left: JSONFault, right: JSONFault) -> Bool {
        left.offset == right.offset && left.expected.description == right.expected.description
    }

    /// Agrees with `==`.
    public func hash(into hasher: inout Hasher) { hasher.combine(offset) }
}

/// Reads one JSON text (RFC 8259), value by value, and builds nothing. Safe on hostile input: linear time, and objects
/// and arrays nest at most as deep as allowed.
public struct JSONScanner: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private var depthLeft: Int

    /// - Parameter depthMax: how deep objects and arrays may nest; a lone number has depth 0.
    public init(_ bytes: ArraySlice<UInt8>, depthMax: Int) {
        self.bytes = bytes
        position = bytes.startIndex
        depthLeft = depthMax
    }

    /// Reads an object. `body` gets each member's name, with escapes resolved (what is beyond ASCII shows as `?` where
    /// it was escaped), and must read its value.
    public mutating func members(
        _ body: (inout JSONScanner, _ name: [UInt8]) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try nested(from: UInt8(ascii: "{"), to: UInt8(ascii: "}")) { (scanner) throws(JSONFault) in
            let name = try scanner.string()
            try scanner.take(UInt8(ascii: ":"), "a colon")
            try body(&scanner, name)
        }
    }

    /// Reads an array. `body` must read one element each time.
    public mutating func elements(
        _ body: (inout JSONScanner) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try nested(from: UInt8(ascii: "["), to: UInt8(ascii: "]"), body)
    }

    /// Reads an integer without sign, fraction or exponent.
    public mutating func unsignedInteger() throws(JSONFault) -> UInt64 {
        skipSpace()
        let start = position
        var value: UInt64 = 0
        while let digit = peek, Self.isDigit(digit) {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit & 0x0F))
            guard !overflow, !carry else { throw fault("a smaller number") }
            value = sum
            position += 1
        }
        let hasLeadingZero = position - start > 1 && bytes[start] == UInt8(ascii: "0")
        guard position > start, !hasLeadingZero, peek.map(Self.continuesNumber) != true else {
            throw fault("an integer without sign")
        }
        return value
    }

    /// Reads any value.
    public mutating func skip() throws(JSONFault) {
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): try members { (scanner, _) throws(JSONFault) in try scanner.skip() }
        case UInt8(ascii: "["): try elements { (scanner) throws(JSONFault) in try scanner.skip() }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try number()
        }
    }

    /// - Throws: if more than white space follows.
    public mutating func requireEnd() throws(JSONFault) {
        skipSpace()
        guard position == bytes.endIndex else { throw fault("the end") }
    }

    // MARK: Structure

    private mutating func nested(
        from opening: UInt8, to closing: UInt8, _ body: (inout JSONScanner) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try take(opening, "an object or an array")
        guard depthLeft > 0 else { throw fault("a text that nests less deeply") }
        depthLeft -= 1
        defer { depthLeft += 1 }
        skipSpace()
        if peek == closing {
            position += 1
            return
        }
        while true {
            try body(&self)
            skipSpace()
            guard let next = peek, next == closing || next == UInt8(ascii: ",") else {
                throw fault("a comma or the end")
            }
            position += 1
            if next == closing { return }
        }
    }

    private mutating func take(_ byte: UInt8, _ expected: StaticString) throws(JSONFault) {
        skipSpace()
        guard peek == byte else { throw fault(expected) }
        position += 1
    }

    private var peek: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    /// A fault at the present place, for a reader that expected something else.
    public func fault(_ expected: StaticString) -> JSONFault {
        JSONFault(expected: expected, offset: position - bytes.startIndex)
    }

    // MARK: Scalars

    private mutating func string() throws(JSONFault) -> [UInt8] {
        try take(UInt8(ascii: "\""), "a string")
        let start = position
        var text: [UInt8] = []
        var isASCII = true
        while let byte = peek, byte >= 0x20 {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard isASCII || String(validating: bytes[start..<position], as: UTF8.self) != nil else {
                    throw fault("UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): text.append(try escaped())
            default:
                isASCII = isASCII && byte < 0x80
                text.append(byte)
            }
        }
        throw fault("the end of a string")
    }

    private mutating func escaped() throws(JSONFault) -> UInt8 {
        guard let byte = peek else { throw fault("an escape") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return byte
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw fault("an escape")
        }
    }

    private mutating func unicodeEscape() throws(JSONFault) -> UInt8 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Self.hexDigit(byte) else { throw fault("four hexadecimal digits") }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit < 0x80 ? UInt8(unit) : UInt8(ascii: "?")
    }

    private mutating func word(_ word: StaticString) throws(JSONFault) {
        for byte in Array(word.description.utf8) {
            guard peek == byte else { throw fault("a value") }
            position += 1
        }
    }

    private mutating func number() throws(JSONFault) {
        if peek == UInt8(ascii: "-") { position += 1 }
        let start = position
        try digits()
        guard bytes[start] != UInt8(ascii: "0") || position == start + 1 else { throw fault("no leading zero") }
        if peek == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            position += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(JSONFault) {
        guard let first = peek, Self.isDigit(first) else { throw fault("a value") }
        while let digit = peek, Self.isDigit(digit) { position += 1 }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func continuesNumber(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
