import Testing
import Units

@testable import Chunking

@Suite struct TensorHeaderTests {
    private func safetensors(_ json: String, dataByteCount: Int = 100) -> [UInt8] {
        let text = Array(json.utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
        return length + text + [UInt8](repeating: 7, count: dataByteCount)
    }

    private func read(_ file: [UInt8], fileByteCount: Int64? = nil) -> TensorHeader {
        TensorHeader.read(file[...], fileByteCount: ByteCount(fileByteCount ?? Int64(file.count)))
    }

    @Test func aBrokenHeaderIsExplained() {
        guard case .opaque(let reason?) = read(safetensors(#"{"a": {"data_offsets": [0, 101]}}"#)) else {
            Issue.record("not refused with a reason")
            return
        }
        #expect(reason.contains("two ascending offsets within the file"))
    }

    @Test func whatIsNothingOfTheKindNeedsNoExplanation() {
        #expect(read(Array("PK\u{3}\u{4} a zip file, say".utf8)) == .opaque(reason: nil))
        #expect(read([]) == .opaque(reason: nil))
    }

    @Test func aHeaderBeyondTheBoundIsOpaqueWithoutBeingRead() {
        let length = Limits.tensorHeaderByteCountMax + 1
        let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array("{".utf8)
        guard case .opaque(let reason?) = read(prefix, fileByteCount: 1 << 40) else {
            Issue.record("not refused with a reason")
            return
        }
        #expect(reason.contains("16777216 are the most"))
        var longest = prefix
        longest[0] = UInt8(truncatingIfNeeded: length - 1)
        longest[2] = UInt8(truncatingIfNeeded: (length - 1) >> 16)
        longest[3] = UInt8(truncatingIfNeeded: (length - 1) >> 24)
        #expect(read(longest, fileByteCount: 1 << 40) == .needsMore(8 + Limits.tensorHeaderByteCountMax))
    }

    @Test func aHeaderIsAskedForWhole() {
        let file = safetensors(#"{"a": {"data_offsets": [0, 5]}}"#)
        #expect(TensorHeader.read(file.prefix(9), fileByteCount: ByteCount(file.count)) == .needsMore(file.count - 100))
    }

    /// Each file changed in one byte, and cut off: no trap, no endless loop, and cuts that cover what there is.
    @Test func hostileBytesAreCutToo() throws {
        let files = try CuttingVectors.read().files.filter { $0.name.contains("gguf") || $0.name.contains("safet") }
        let small = try sizes(64, 256, 512)
        var generator = SplitMix64(seed: 9)
        for file in files {
            let content = file.content
            for _ in 0..<60 {
                var hostile = content
                let place = Int(generator.next() % UInt64(min(content.count, 400)))
                hostile[place] = UInt8(truncatingIfNeeded: generator.next())
                if generator.next() % 4 == 0 { hostile = Array(hostile.prefix(place + 1)) }
                let lengths = chunkLengths(hostile, small)
                #expect(lengths.reduce(0, +) == hostile.count && lengths.allSatisfy { (1...512).contains($0) })
            }
        }
        #expect(files.count > 20)
    }
}
