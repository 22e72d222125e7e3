internal import Files
internal import FoundationEssentials
internal import Units

/// A safetensors file of samples: what is at one place of the first dimension, in all tensors, is one sample.
///
/// Read sample by sample, so that memory does not grow with the file. Its header is bounded before it is read, since an
/// inference process writes such files, too.
struct SampleFile {
    /// A tensor: its type, the shape of one sample, and where its data begins in the file.
    struct Tensor {
        let type: ElementType
        let sampleShape: [Int]
        let offset: Int64

        var sampleByteCount: Int { sampleShape.reduce(type.byteCount, *) }
    }

    let sampleCount: Int
    let tensors: [String: Tensor]
    private let file: any ReadableFile

    /// Blocks: for the pool.
    /// - Throws: `SampleFileError`, `FileError`.
    init(_ file: any ReadableFile) throws {
        let byteCount = try file.status().byteCount.value
        guard byteCount <= Limits.calibrationFileByteCountMax else {
            throw SampleFileError("has \(byteCount) bytes, and \(Limits.calibrationFileByteCountMax) are the most")
        }
        guard byteCount >= 8 else { throw SampleFileError("is no safetensors file") }
        let length = try file.read(byteCount: 8, at: 0).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(min(byteCount - 8, Int64(Limits.calibrationHeaderByteCountMax))) else {
            throw SampleFileError("has a header of \(length) bytes")
        }
        let json = try file.read(byteCount: Int(length), at: 8)
        self.file = file
        (tensors, sampleCount) = try Self.table(json, dataOffset: 8 + Int64(length), fileByteCount: byteCount)
    }

    /// One sample of a tensor, flattened.
    func sample(_ index: Int, of tensor: Tensor) throws -> [Double] {
        let byteCount = tensor.sampleByteCount
        let bytes = try file.read(byteCount: byteCount, at: ByteOffset(tensor.offset + Int64(index * byteCount)))
        return tensor.type.numbers(bytes)
    }

    private struct Entry: Decodable {
        let dtype: ElementType
        let shape: [Int]
        let offsets: [Int64]

        private enum CodingKeys: String, CodingKey {
            case dtype, shape
            case offsets = "data_offsets"
        }
    }

    /// A member of the header: a tensor, or text about the file.
    private enum Member: Decodable {
        case tensor(Entry)
        case metadata

        init(from decoder: any Decoder) throws {
            let isMetadata = decoder.codingPath.last?.stringValue == "__metadata__"
            self = isMetadata ? .metadata : .tensor(try Entry(from: decoder))
        }
    }

    private static func table(
        _ json: [UInt8], dataOffset: Int64, fileByteCount: Int64
    ) throws -> ([String: Tensor], Int) {
        let members: [String: Member]
        do {
            members = try JSONDecoder().decode([String: Member].self, from: Data(json))
        } catch {
            throw SampleFileError("has a header that is not safetensors', or a type of number that is not known here")
        }
        var tensors: [String: Tensor] = [:]
        var counts: Set<Int> = []
        for case (let name, .tensor(let entry)) in members {
            tensors[name] = try tensor(entry, named: name, dataOffset, fileByteCount)
            counts.formUnion(entry.shape.prefix(1))
        }
        guard let count = counts.first, counts.count == 1 else {
            throw SampleFileError("has tensors whose first dimensions differ, or none")
        }
        return (tensors, count)
    }

    private static func tensor(
        _ entry: Entry, named name: String, _ dataOffset: Int64, _ fileByteCount: Int64
    ) throws -> Tensor {
        guard let count = entry.shape.first, (1...Limits.calibrationSampleCountMax).contains(count) else {
            throw SampleFileError(
                "has \(name) with a first dimension that is not 1 to \(Limits.calibrationSampleCountMax)")
        }
        var sampleByteCount = entry.dtype.byteCount
        for size in entry.shape.dropFirst() {
            let (product, overflow) = sampleByteCount.multipliedReportingOverflow(by: size)
            guard size >= 1, !overflow, product <= Limits.calibrationSampleByteCountMax else {
                throw SampleFileError(
                    "has \(name) with more than \(Limits.calibrationSampleByteCountMax) bytes a sample, or none")
            }
            sampleByteCount = product
        }
        guard entry.offsets.count == 2, entry.offsets[0] >= 0, entry.offsets[1] >= entry.offsets[0],
            entry.offsets[1] - entry.offsets[0] == Int64(count * sampleByteCount),
            entry.offsets[1] <= fileByteCount - dataOffset
        else { throw SampleFileError("has \(name) with offsets that do not fit its shape or the file") }
        return Tensor(
            type: entry.dtype, sampleShape: Array(entry.shape.dropFirst()), offset: dataOffset + entry.offsets[0])
    }
}

/// What is wrong with a file of samples; to be said after its name.
struct SampleFileError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
