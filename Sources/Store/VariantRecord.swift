internal import FoundationEssentials
internal import Manifest
internal import Units

/// What is remembered of a complete variant: `models/<model>/versions/<digest>/.record-<variant>`, in JSON.
///
/// It is durable before the variant's folder gets its name, so a folder with a name always has one.
struct VariantRecord: Hashable, Sendable {
    /// One file as it was when the variant was committed, or last found intact.
    struct File: Hashable, Sendable {
        let path: FilePath
        let byteCount: ByteCount
        let modifiedNanoseconds: Int64
    }

    static let format = 1

    let model: ModelName
    let key: VariantKey
    var files: [File]
    var received: ReceivedBytes
    /// Ascending.
    var damaged: [ChunkIndex] = []
    /// When all of it was last hashed.
    var checked: WallTime?

    var byteCount: ByteCount { files.reduce(0) { $0 + $1.byteCount } }

    /// The JSON text.
    func encode() throws(StoreError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do {
            return Array(try encoder.encode(Stored(self)))
        } catch {
            throw StoreError(.corrupt, "record", of: key.description, "cannot be written as JSON: \(error)")
        }
    }

    /// Reads a record, which must be of `model` and `key`.
    static func decode(_ bytes: [UInt8], model: ModelName, key: VariantKey) throws(StoreError) -> VariantRecord {
        func fail(_ why: String, _ code: StoreError.Code = .corrupt) -> StoreError {
            StoreError(code, "record", of: key.description, why)
        }
        let stored: Stored
        do {
            stored = try JSONDecoder().decode(Stored.self, from: Data(bytes))
        } catch {
            throw fail("the record is damaged: remove the version and fetch it again")
        }
        guard stored.format <= format else { throw fail("written by a newer build: upgrade this agent", .foreign) }
        guard stored.model == model.text, stored.version == key.version.hex, stored.variant == key.variant.text else {
            throw fail("the record is another version's")
        }
        guard let record = stored.record(model: model, key: key) else {
            throw fail("the record has a value out of range")
        }
        return record
    }
}

/// The JSON form.
private struct Stored: Codable {
    struct File: Codable {
        let path: String
        let size: Int64
        let modified_ns: Int64
    }

    struct Received: Codable {
        let neighbour: Int64
        let origin: Int64
        let local: Int64
    }

    let format: Int
    let model: String
    let version: String
    let variant: String
    let files: [File]
    let received_bytes: Received
    let wasted_bytes: Int64
    let damaged: [UInt32]
    let checked_s: Int64?

    init(_ record: VariantRecord) {
        format = VariantRecord.format
        model = record.model.text
        version = record.key.version.hex
        variant = record.key.variant.text
        files = record.files.map {
            File(path: $0.path.text, size: $0.byteCount.value, modified_ns: $0.modifiedNanoseconds)
        }
        received_bytes = Received(
            neighbour: record.received.neighbour.value, origin: record.received.origin.value,
            local: record.received.local.value)
        wasted_bytes = record.received.wasted.value
        damaged = record.damaged.map(\.value)
        checked_s = record.checked?.secondsSince1970
    }

    func record(model: ModelName, key: VariantKey) -> VariantRecord? {
        let counts = [received_bytes.neighbour, received_bytes.origin, received_bytes.local, wasted_bytes]
        guard counts.allSatisfy({ $0 >= 0 }), damaged.allSatisfy({ $0 < UInt32(Limits.chunkCountMax) }) else {
            return nil
        }
        var files: [VariantRecord.File] = []
        for file in self.files {
            guard let path = FilePath(file.path), file.size >= 0 else { return nil }
            files.append(
                .init(path: path, byteCount: ByteCount(file.size), modifiedNanoseconds: file.modified_ns))
        }
        var received = ReceivedBytes()
        received.neighbour = ByteCount(received_bytes.neighbour)
        received.origin = ByteCount(received_bytes.origin)
        received.local = ByteCount(received_bytes.local)
        received.wasted = ByteCount(wasted_bytes)
        return VariantRecord(
            model: model, key: key, files: files, received: received, damaged: damaged.map { ChunkIndex($0) },
            checked: checked_s.map { WallTime(secondsSince1970: max(0, $0)) })
    }
}
