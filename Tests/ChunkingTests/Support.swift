import FoundationEssentials
import Testing
import Units

@testable import Chunking

/// `count` bytes of SplitMix64, each number little-endian.
func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    var bytes: [UInt8] = []
    while bytes.count < count {
        let number = generator.next()
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
    return Array(bytes.prefix(count))
}

/// As a publisher does it: the header first, read in growing prefixes; then the cutter over pieces of the file.
func chunkLengths(_ file: [UInt8], _ sizes: CutSizes, pieceByteCount: Int = 1 << 20) -> [Int] {
    var cutter = FileCutter(plan(file, sizes), sizes)
    var lengths: [Int] = []
    var (position, length) = (0, 0)
    while position < file.count {
        let end = min(file.count, position + pieceByteCount)
        let (byteCount, endsChunk) = unsafe cutter.advance(file.span.bytes.extracting(position..<end))
        position += byteCount
        length += byteCount
        if endsChunk {
            lengths.append(length)
            length = 0
        }
    }
    if length > 0 { lengths.append(-length) }
    return lengths
}

func plan(_ file: [UInt8], _ sizes: CutSizes) -> CutPlan {
    var prefixByteCount = 9
    while true {
        switch TensorHeader.read(file.prefix(prefixByteCount), fileByteCount: ByteCount(file.count)) {
        case .tensors(let tensors): return .tensors(tensors, fileByteCount: ByteCount(file.count), sizes)
        case .opaque: return .opaque(ByteCount(file.count))
        case .needsMore(let count):
            // It must ask for more than it had, and for no more than there is.
            guard count > prefixByteCount, count <= file.count else { return .opaque(0) }
            prefixByteCount = count
        }
    }
}

func sizes(_ smallest: Int, _ average: Int, _ largest: Int) throws -> CutSizes {
    try #require(CutSizes(smallest: smallest, average: average, largest: largest))
}

/// `Protocol/vectors/cutting.json`, made by the second implementation.
struct CuttingVectors: Decodable {
    struct Size: Decodable {
        let parent: [Int]?
        let bytes: Int64
        let chunkSizes: [Int]
    }

    struct Piece: Decodable {
        let random: UInt64?
        let bytes: Int?
        let zeros: Int?
        let hex: String?

        var content: [UInt8] {
            if let random, let bytes { return noise(bytes, seed: random) }
            if let zeros { return [UInt8](repeating: 0, count: zeros) }
            return hex.flatMap { Hex.decode($0) } ?? []
        }
    }

    struct File: Decodable {
        let name: String
        let chunkSizes: [Int]
        let pieces: [Piece]
        let bytes: Int
        let chunks: [Int]

        var content: [UInt8] { pieces.flatMap(\.content) }
    }

    let gear: [String]
    let sizes: [Size]
    let inherited: [Size]
    let files: [File]

    static func read() throws -> CuttingVectors {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let data = try #require(FileManager.default.contents(atPath: "/\(root)/Protocol/vectors/cutting.json"))
        return try JSONDecoder().decode(CuttingVectors.self, from: data)
    }
}
