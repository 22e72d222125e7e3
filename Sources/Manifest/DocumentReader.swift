internal import Units

/// `ByteReader` for one document, with its errors.
struct DocumentReader {
    private var reader: ByteReader
    private let document: String

    init(_ bytes: [UInt8], document: String) {
        reader = ByteReader(bytes)
        self.document = document
    }

    var remainingCount: Int { reader.remainingCount }

    func error(_ code: DocumentError.Code, _ field: String, _ detail: String = "") -> DocumentError {
        DocumentError(code, document: document, field: field, detail: detail)
    }

    mutating func u8(_ field: StaticString) throws(DocumentError) -> UInt8 { try integer(UInt8.self, field) }
    mutating func u16(_ field: StaticString) throws(DocumentError) -> UInt16 { try integer(UInt16.self, field) }
    mutating func u32(_ field: StaticString) throws(DocumentError) -> UInt32 { try integer(UInt32.self, field) }
    mutating func u64(_ field: StaticString) throws(DocumentError) -> UInt64 { try integer(UInt64.self, field) }

    private mutating func integer<T: FixedWidthInteger & UnsignedInteger>(
        _ type: T.Type, _ field: StaticString
    ) throws(DocumentError) -> T {
        do { return try reader.integer(type, field) } catch { throw DocumentError(error, document: document) }
    }

    mutating func raw(_ count: Int, _ field: StaticString) throws(DocumentError) -> ArraySlice<UInt8> {
        do { return try reader.raw(count, field) } catch { throw DocumentError(error, document: document) }
    }

    mutating func identifier<T: Identifier>(_ type: T.Type, _ field: StaticString) throws(DocumentError) -> T {
        do { return try reader.identifier(type, field) } catch { throw DocumentError(error, document: document) }
    }

    mutating func string(_ bounds: ClosedRange<Int>, _ field: StaticString) throws(DocumentError) -> String {
        let text: String
        do { text = try reader.string(atMost: bounds.upperBound, field) } catch {
            throw DocumentError(error, document: document)
        }
        guard text.utf8.count >= bounds.lowerBound else { throw self.error(.outOfRange, field.description) }
        return text
    }

    /// A checked name; `limit` is the most bytes that the type allows.
    mutating func name<T: Name>(
        _ type: T.Type, atMost limit: Int = Limits.modelNameByteCountMax, _ field: StaticString
    ) throws(DocumentError) -> T {
        let text = try string(0...limit, field)
        guard let name = T(text) else { throw error(.invalid, field.description) }
        return name
    }

    /// The number of a list's elements, within bounds.
    mutating func count<T: FixedWidthInteger & UnsignedInteger>(
        _ width: T.Type, in bounds: ClosedRange<Int>, _ field: StaticString
    ) throws(DocumentError) -> Int {
        let count = Int(clamping: try integer(width, field))
        guard bounds.contains(count) else { throw error(.outOfRange, field.description) }
        return count
    }

    mutating func time(_ field: StaticString) throws(DocumentError) -> WallTime {
        let seconds = try u64(field)
        guard seconds <= UInt64(Limits.secondsSince1970Max) else { throw error(.outOfRange, field.description) }
        return WallTime(secondsSince1970: Int64(seconds))
    }

    /// The number that a body begins with.
    mutating func format() throws(DocumentError) {
        let format = try u16("format")
        guard format >= 1 else { throw error(.invalid, "format") }
        guard format == 1 else { throw error(.unknownFormat, "format", "format \(format)") }
    }

    func requireEnd() throws(DocumentError) {
        do { try reader.requireEnd("end") } catch { throw DocumentError(error, document: document) }
    }
}

extension ByteWriter {
    /// A date.
    /// - Precondition: not before 1970; the documents check.
    mutating func time(_ time: WallTime) { integer(UInt64(time.secondsSince1970)) }
}

/// True if each element is above the one before it.
func isAscending<T: Comparable>(_ elements: [T]) -> Bool {
    zip(elements, elements.dropFirst()).allSatisfy { $0 < $1 }
}

/// True if each text's bytes are above those of the one before it.
func isAscendingByBytes(_ texts: [String]) -> Bool {
    zip(texts, texts.dropFirst()).allSatisfy { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

/// True if a document may name the date.
func isAllowed(_ time: WallTime) -> Bool { (0...Limits.secondsSince1970Max).contains(time.secondsSince1970) }
