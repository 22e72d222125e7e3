import Testing
import Units

/// `DecodingError` is also a type of the standard library.
private typealias Fault = Units.DecodingError

@Suite struct ByteReaderTests {
    @Test func whatWasWritten_isRead() throws {
        var writer = ByteWriter(reserving: 64)
        writer.integer(0xAB as UInt8)
        writer.integer(0x0102 as UInt16)
        writer.integer(0x0102_0304 as UInt32)
        writer.integer(UInt64.max)
        writer.string("größe")
        writer.name(ChannelName.stable)
        let id = NodeID(exactly: Array(0..<16))
        writer.identifier(id)
        writer.raw([9, 8, 7])
        #expect(writer.bytes.starts(with: [0xAB, 1, 2, 1, 2, 3, 4]))
        var reader = ByteReader(writer.bytes)
        #expect(try reader.integer(UInt8.self, "a") == 0xAB)
        #expect(try reader.integer(UInt16.self, "b") == 0x0102)
        #expect(try reader.integer(UInt32.self, "c") == 0x0102_0304)
        #expect(try reader.integer(UInt64.self, "d") == .max)
        #expect(try reader.string(atMost: 7, "e") == "größe")
        #expect(try reader.name(ChannelName.self, "f") == .stable)
        #expect(try reader.identifier(NodeID.self, "g") == id)
        #expect(reader.remainingCount == 3)
        #expect(Array(reader.rest()) == [9, 8, 7])
        try reader.requireEnd("h")
    }

    @Test func aSlice_isReadFromItsOwnStart() throws {
        let bytes: [UInt8] = [1, 2, 3, 4]
        var reader = ByteReader(bytes[1..<3])
        #expect(try reader.integer(UInt16.self, "a") == 0x0203)
        let error = #expect(throws: Fault.self) { try reader.integer(UInt8.self, "b") }
        #expect(error == Fault(.truncated, "b"))
    }

    @Test func bytesThatAreMissing_orLeftOver_areNamed() {
        var reader = ByteReader([1, 2, 3])
        #expect(throws: Fault(.truncated, "x")) { try reader.integer(UInt32.self, "x") }
        #expect(throws: Fault(.truncated, "x")) { try reader.raw(4, "x") }
        #expect(throws: Fault(.truncated, "x")) { try reader.raw(-1, "x") }
        #expect(throws: Fault(.truncated, "x")) { try reader.identifier(Digest.self, "x") }
        #expect(throws: Fault(.trailing, "end")) { try reader.requireEnd("end") }
        #expect(reader.remainingCount == 3)
        #expect(Fault(.trailing, "end").description == "end: trailing")
    }

    @Test func aString_isBounded_whole_andUTF8() {
        func read(_ bytes: [UInt8], atMost limit: Int = 10) throws -> String {
            var reader = ByteReader(bytes)
            return try reader.string(atMost: limit, "s")
        }
        #expect(throws: Fault(.outOfRange, "s")) { try read([0, 11] + Array(repeating: 97, count: 11)) }
        #expect(throws: Fault(.outOfRange, "s")) { try read([0xFF, 0xFF]) }
        #expect(throws: Fault(.truncated, "s")) { try read([0, 3, 97, 97]) }
        #expect(throws: Fault(.invalid, "s")) { try read([0, 1, 0xFF]) }
        #expect(throws: Fault(.invalid, "s")) { try read([0, 2, 0xC0, 0x80]) }
        #expect(throws: Fault(.invalid, "s")) { try read([0, 3, 0xED, 0xA0, 0x80]) }
        // A mark of the byte order is a character like any other, and stays.
        #expect((try? read([0, 3, 0xEF, 0xBB, 0xBF]))?.utf8.count == 3)
    }

    @Test func aName_againstItsRule_isInvalid() {
        var reader = ByteReader([0, 2, 47, 97])
        #expect(throws: Fault(.invalid, "n")) { try reader.name(ModelName.self, "n") }
    }
}
