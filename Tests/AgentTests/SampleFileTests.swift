import Files
import Testing
import Units

@testable import Agent

/// Files of samples, which an inference process writes: read strictly.
@Suite struct SampleFileTests {
    private func file(_ header: String, data: [UInt8] = [], length: UInt64? = nil) throws -> any StoreFile {
        let memory = MemoryFileSystem()
        let bytes = Array(header.utf8)
        let count = length ?? UInt64(bytes.count)
        let all = (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + bytes + data
        let file = try memory.create("samples", reserving: 0, mode: 0o600)
        try file.write(all, at: 0)
        return file
    }

    private func refusal(_ header: String, data: [UInt8] = [], length: UInt64? = nil) throws -> String? {
        let file = try file(header, data: data, length: length)
        do { _ = try SampleFile(file) } catch { return "\(error)" }
        return nil
    }

    @Test func samplesAreReadOneByOne() throws {
        let header = #"{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#
        let numbers: [Float] = [1, -2, 0.5, 4]
        let data = numbers.flatMap { number in
            (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) }
        }
        let samples = try SampleFile(try file(header, data: data))
        #expect(samples.sampleCount == 2)
        let tensor = try #require(samples.tensors["x"])
        #expect(tensor.sampleShape == [2])
        #expect(try samples.sample(0, of: tensor) == [1, -2])
        #expect(try samples.sample(1, of: tensor) == [0.5, 4])
    }

    @Test(
        arguments: [
            (ElementType.float64, [0, 0, 0, 0, 0, 0, 0xF0, 0x3F], 1.0), (.float32, [0, 0, 0x80, 0x3F], 1),
            (.float16, [0, 0xC0], -2), (.bfloat16, [0x40, 0x40], 3), (.int64, [5, 0, 0, 0, 0, 0, 0, 0], 5),
            (.int32, [0xFF, 0xFF, 0xFF, 0xFF], -1), (.int16, [0, 1], 256), (.int8, [0x80], -128), (.uint8, [200], 200),
            (.bool, [1], 1),
        ] as [(ElementType, [UInt8], Double)])
    func numbersOfAllTypes(type: ElementType, bytes: [UInt8], number: Double) {
        #expect(type.numbers(bytes) == [number])
        #expect(type.byteCount == bytes.count)
    }

    @Test(arguments: [
        #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#,
        #"{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[1,0],"data_offsets":[0,0]}}"#,
        #"{"x":{"dtype":"F32","shape":[4097],"data_offsets":[0,16388]}}"#,
        #"{"x":{"dtype":"F32","shape":[1,4611686018427387904,4],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[1,524289],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775804,9223372036854775807]}}"#,
        #"{"x":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}"#, #"{"x":{"shape":[1],"data_offsets":[0,8]}}"#,
        #"{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
        "{}", "[]", "", "{", "null",
    ])
    func whatDoesNotFitIsRefused(header: String) throws {
        #expect(try refusal(header, data: Array(repeating: 0, count: 8)) != nil)
    }

    @Test func lengthsThatLieAreRefused() throws {
        #expect(try refusal("{}", length: .max) != nil)
        #expect(try refusal("{}", length: 3) != nil)
        #expect(try refusal(String(repeating: " ", count: Limits.calibrationHeaderByteCountMax + 1)) != nil)
    }
}
