internal import Units

/// What the journal of one assembly says: which chunks were verified and written, and where their bytes came from.
///
/// The file is a sequence of 16-byte records that is only appended to. It is a hint: whoever resumes hashes what it
/// claims. A record whose check does not agree (a torn tail, zeros after a power cut) ends the reading; the next one
/// overwrites it.
///
/// | bytes | what |
/// |---|---|
/// | 0 | kind: 1 a chunk, 2 wasted payload |
/// | 1 | source of a chunk (`ByteSource`) |
/// | 2–3 | zero |
/// | 4–7 | the chunk's index, big-endian; zero for kind 2 |
/// | 8–11 | bytes of payload, big-endian |
/// | 12–15 | FNV-1a of the twelve bytes before and of the record's number in the file |
struct JournalRecord: Hashable {
    enum Kind: UInt8 {
        case chunk = 1
        case wasted = 2
    }

    static let byteCount = 16

    let kind: Kind
    let source: ByteSource
    let index: ChunkIndex
    let payloadByteCount: UInt32

    static func chunk(_ index: ChunkIndex, byteCount: ByteCount, from source: ByteSource) -> JournalRecord {
        JournalRecord(kind: .chunk, source: source, index: index, payloadByteCount: UInt32(byteCount.value))
    }

    static func wasted(_ byteCount: UInt32) -> JournalRecord {
        JournalRecord(kind: .wasted, source: .neighbour, index: 0, payloadByteCount: byteCount)
    }

    func encode(number: Int) -> [UInt8] {
        var writer = ByteWriter(reserving: Self.byteCount)
        writer.integer(kind.rawValue)
        writer.integer(source.rawValue)
        writer.integer(UInt16(0))
        writer.integer(index.value)
        writer.integer(payloadByteCount)
        writer.integer(Self.check(writer.bytes[...], number: number))
        return writer.bytes
    }

    /// Nil if the bytes are no whole, undamaged record with this number.
    init?(_ bytes: ArraySlice<UInt8>, number: Int) {
        var reader = ByteReader(bytes)
        guard bytes.count == Self.byteCount,
            let kind = (try? reader.integer(UInt8.self, "kind")).flatMap(Kind.init(rawValue:)),
            let source = (try? reader.integer(UInt8.self, "source")).flatMap(ByteSource.init(rawValue:)),
            (try? reader.integer(UInt16.self, "zero")) == 0,
            let index = try? reader.integer(UInt32.self, "index"),
            let payload = try? reader.integer(UInt32.self, "payload"),
            let check = try? reader.integer(UInt32.self, "check"),
            check == Self.check(bytes.prefix(12), number: number)
        else { return nil }
        self.init(kind: kind, source: source, index: ChunkIndex(index), payloadByteCount: payload)
    }

    private init(kind: Kind, source: ByteSource, index: ChunkIndex, payloadByteCount: UInt32) {
        self.kind = kind
        self.source = source
        self.index = index
        self.payloadByteCount = payloadByteCount
    }

    private static func check(_ bytes: ArraySlice<UInt8>, number: Int) -> UInt32 {
        var hash: UInt32 = 0x811C_9DC5
        for byte in bytes { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        for shift in stride(from: 0, to: 64, by: 8) {
            hash = (hash ^ UInt32(truncatingIfNeeded: number >> shift) & 0xFF) &* 0x0100_0193
        }
        return hash
    }
}

/// The sum of a journal's records.
struct JournalContent {
    /// Whole records; the next one has this number.
    private(set) var recordCount = 0
    /// What the journal claims.
    private(set) var claimed: ChunkSet
    /// Payload counted so far.
    private(set) var received = ReceivedBytes()

    init(chunkCount: Int) { claimed = ChunkSet(capacity: chunkCount) }

    /// Takes in a piece of the file that begins at a record; false once a record is not whole, and then reading ends.
    mutating func absorb(_ piece: [UInt8]) -> Bool {
        var position = 0
        while position < piece.count {
            let end = min(position + JournalRecord.byteCount, piece.count)
            guard let record = JournalRecord(piece[position..<end], number: recordCount), absorb(record) else {
                return false
            }
            position = end
        }
        return true
    }

    /// False if the record names a chunk that the version does not have.
    mutating func absorb(_ record: JournalRecord) -> Bool {
        switch record.kind {
        case .chunk:
            guard record.index.int < claimed.capacity else { return false }
            claimed.insert(record.index)
            received.add(ByteCount(record.payloadByteCount), from: record.source)
        case .wasted:
            received.wasted += ByteCount(record.payloadByteCount)
        }
        recordCount += 1
        return true
    }
}
