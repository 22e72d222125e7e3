import Testing
import Units

@testable import Chunking

@Suite struct ContentCutterTests {
    private let file = noise(4 << 20, seed: 1)
    private let usual = CutSizes.forVersion(of: 4_194_304)

    @Test func chunksKeepTheirBoundsAndAreNearTheAverage() {
        let lengths = chunkLengths(file, usual)
        #expect(lengths.reduce(0, +) == file.count)
        #expect(lengths.dropLast().allSatisfy { usual.smallest < $0 && $0 <= usual.largest })
        let mean = file.count / lengths.count
        #expect(mean > usual.average * 9 / 10 && mean < usual.average * 13 / 10)
        // Half an average of bytes passes, each of which ends a chunk with the chance 1 / average: 1 / sqrt(e) get on.
        let above = Double(lengths.count { $0 >= usual.average }) / Double(lengths.count)
        #expect(abs(above - 0.607) < 0.08)
        // Of these half an average more with four times the chance.
        let largest = Double(lengths.count { $0 == usual.largest }) / Double(lengths.count)
        #expect(abs(largest - 0.082) < 0.05)
    }

    @Test(arguments: [1, 1_000, 16_384, 100_003])
    func anInsertionMovesOnlyTheCutsNearIt(byteCount: Int) {
        var changed = file
        changed.insert(contentsOf: noise(byteCount, seed: 2), at: 1_000_000)
        let known = Set(chunks(file))
        let new = chunks(changed).filter { !known.contains($0) }.reduce(0) { $0 + $1.count }
        #expect(new < byteCount + 12 * usual.average)
    }

    @Test func bytesWithoutEntropyAreCutAtTheLargestSize() {
        let zeros = [UInt8](repeating: 0, count: 10 * usual.largest + 5)
        #expect(chunkLengths(zeros, usual) == [Int](repeating: usual.largest, count: 10) + [5])
    }

    private func chunks(_ file: [UInt8]) -> [ArraySlice<UInt8>] {
        var position = 0
        return chunkLengths(file, usual).map { length in
            defer { position += length }
            return file[position..<position + length]
        }
    }
}
