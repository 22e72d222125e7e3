import Testing
import Units

@testable import Wire

@Suite struct VectorTests {
    /// What a connection would make of the bytes, if it is exactly one frame that is acted on.
    private static func only(_ bytes: [UInt8]) throws -> Message? {
        var decoder = FrameDecoder()
        decoder.append(bytes)
        guard let message = try decoder.next() else { return nil }
        let another = try decoder.next()
        return another == nil && !decoder.isMidFrame ? message : nil
    }

    @Test func eachFrameOfTheOtherImplementation_decodesToItsFields_andEncodesToItsBytes() throws {
        let frames = Vectors.wire["frames"].list
        #expect(frames.count >= 45)
        for frame in frames {
            let message = try #require(try Self.only(frame["bytes"].bytes), "\(frame["name"].text)")
            #expect(message.vectorFields == frame["fields"], "\(frame["name"].text)")
            #expect(UInt64(message.type.rawValue) == frame["type"].integer, "\(frame["name"].text)")
            #expect(message.encode() == frame["bytes"].bytes, "\(frame["name"].text)")
        }
        #expect(Set(frames.map { $0["type"].integer }) == Set(FrameType.allCases.map { UInt64($0.rawValue) }))
    }

    @Test func aChangedBit_atAnOffsetThatMustFail_fails() {
        for frame in Vectors.wire["frames"].list {
            let bytes = frame["bytes"].bytes
            for offset in frame["corruptAt"].integers {
                // Of a long frame one bit an offset, or the test takes long.
                for bit in bytes.count > 600 ? [offset % 8] : Array(0..<8) {
                    var corrupt = bytes
                    corrupt[offset] ^= 1 << UInt8(bit)
                    let message = try? Self.only(corrupt)
                    #expect(message == nil, "\(frame["name"].text), bit \(bit) of byte \(offset)")
                }
            }
        }
    }

    @Test func laterFieldsOfHello_areIgnored() throws {
        let frames = Vectors.wire["tolerated"].list
        #expect(!frames.isEmpty)
        for frame in frames {
            let message = try #require(try Self.only(frame["bytes"].bytes))
            #expect(message.vectorFields == frame["fields"], "\(frame["name"].text)")
        }
    }

    @Test func eachFrameToBeRefused_isRefusedWithACodeThatIsRight() {
        let frames = Vectors.wire["refused"].list
        #expect(frames.count >= 70)
        for frame in frames {
            let error = #expect(throws: WireError.self, "\(frame["name"].text)") { try Self.only(frame["bytes"].bytes) }
            guard let code = error?.code.rawValue else { continue }
            #expect(frame["codes"].integers.contains(Int(code)), "\(frame["name"].text): \(code)")
        }
    }

    @Test func unknownTypesFrom0x80On_areSkipped() throws {
        let frames = Vectors.wire["ignored"].list
        #expect(!frames.isEmpty)
        for frame in frames {
            var decoder = FrameDecoder()
            decoder.append(frame["bytes"].bytes + Message.ping(7).encode())
            #expect(try decoder.next() == .ping(7), "\(frame["name"].text)")
            #expect(try decoder.next() == nil)
            #expect(!decoder.isMidFrame)
        }
    }
}
