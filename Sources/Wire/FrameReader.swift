internal import Units

/// Reads the fields of one frame's body, and turns what is wrong into the GOODBYE code that it earns: `tooLarge` for a
/// length or a count over its bound, `malformed` for the rest.
struct FrameReader {
    private var reader: ByteReader
    private let type: FrameType

    init(_ body: ArraySlice<UInt8>, type: FrameType) {
        reader = ByteReader(body)
        self.type = type
    }

    func malformed(_ field: String) -> WireError { WireError(.malformed, type: type.rawValue, field: field) }
    func tooLarge(_ field: String) -> WireError { WireError(.tooLarge, type: type.rawValue, field: field) }

    private func error(_ error: DecodingError) -> WireError {
        error.code == .outOfRange ? tooLarge(error.field.description) : malformed(error.field.description)
    }

    mutating func u8(_ field: StaticString) throws(WireError) -> UInt8 { try integer(UInt8.self, field) }
    mutating func u16(_ field: StaticString) throws(WireError) -> UInt16 { try integer(UInt16.self, field) }
    mutating func u32(_ field: StaticString) throws(WireError) -> UInt32 { try integer(UInt32.self, field) }
    mutating func u64(_ field: StaticString) throws(WireError) -> UInt64 { try integer(UInt64.self, field) }

    private mutating func integer<T: FixedWidthInteger & UnsignedInteger>(
        _ type: T.Type, _ field: StaticString
    ) throws(WireError) -> T {
        do { return try reader.integer(type, field) } catch { throw self.error(error) }
    }

    mutating func request() throws(WireError) -> RequestID { RequestID(try u32("request")) }

    mutating func identifier<T: Identifier>(_ type: T.Type, _ field: StaticString) throws(WireError) -> T {
        do { return try reader.identifier(type, field) } catch { throw self.error(error) }
    }

    mutating func version() throws(WireError) -> Digest { try identifier(Digest.self, "version") }

    mutating func chunk() throws(WireError) -> ChunkReference {
        ChunkReference(version: try version(), chunk: ChunkIndex(try u32("chunk")))
    }

    mutating func string(atMost limit: Int, _ field: StaticString) throws(WireError) -> String {
        do { return try reader.string(atMost: limit, field) } catch { throw self.error(error) }
    }

    mutating func model() throws(WireError) -> ModelName {
        do { return try reader.name(ModelName.self, "model") } catch { throw self.error(error) }
    }

    mutating func models(_ count: Int) throws(WireError) -> [ModelName] {
        var models: [ModelName] = []
        for _ in 0..<count { models.append(try model()) }
        return models
    }

    /// The number of a list's elements, bounded before anything is made of it.
    mutating func count<T: FixedWidthInteger & UnsignedInteger>(
        _ width: T.Type, atMost limit: Int, _ field: StaticString
    ) throws(WireError) -> Int {
        let count = Int(try integer(width, field))
        guard count <= limit else { throw tooLarge(field.description) }
        return count
    }

    mutating func address() throws(WireError) -> IPAddress {
        let count: Int
        switch try u8("address") {
        case 4: count = 4
        case 6: count = 16
        default: throw malformed("address")
        }
        guard let address = IPAddress(try raw(count, "address")) else { throw malformed("address") }
        return address
    }

    mutating func raw(_ count: Int, _ field: StaticString) throws(WireError) -> ArraySlice<UInt8> {
        do { return try reader.raw(count, field) } catch { throw self.error(error) }
    }

    mutating func rest() -> [UInt8] { Array(reader.rest()) }

    func requireEnd() throws(WireError) {
        guard reader.remainingCount == 0 else { throw malformed("bytes are left over") }
    }
}
