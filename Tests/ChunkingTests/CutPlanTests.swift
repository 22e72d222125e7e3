import Testing
import Units

@testable import Chunking

@Suite struct CutPlanTests {
    private func plan(header: Int64 = 10, begins: [Int64], end: Int64) throws -> CutPlan {
        let file = TensorFile(headerByteCount: header, begins: begins, fileByteCount: end)
        return try .tensors(file, fileByteCount: ByteCount(end), sizes(64, 80, 100))
    }

    @Test func smallTensorsArePackedUpToTheLargestSize() throws {
        #expect(try plan(begins: [10, 50, 90, 110, 111], end: 112).lengths == [10, 100, 2])
    }

    @Test func aLargeTensorIsCutFromItsBegin() throws {
        #expect(try plan(begins: [10, 40], end: 290).lengths == [10, 30, 100, 100, 50])
        #expect(try plan(begins: [10, 40, 240], end: 250).lengths == [10, 30, 100, 100, 10])
    }

    @Test func aLargeTensorThatChangedItsPlaceHasTheSameChunks() throws {
        let before = try plan(begins: [10, 40], end: 290).lengths.suffix(3)
        let after = try plan(header: 23, begins: [23, 99, 104], end: 354).lengths.suffix(3)
        #expect(before == after)
    }

    @Test func aLongHeaderIsCutByContent() throws {
        let cut = try plan(header: 101, begins: [101], end: 201)
        #expect(cut.contentByteCount == 101 && cut.lengths == [100])
        #expect(try plan(header: 100, begins: [100], end: 200).lengths == [100, 100])
    }

    @Test func beginsInAnyOrderAndTwiceAreOneOfEach() {
        let file = TensorFile(headerByteCount: 10, begins: [30, 20, 30, 40], fileByteCount: 40)
        #expect(file.begins == [10, 20, 30])
    }
}
