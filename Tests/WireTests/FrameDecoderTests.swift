import Testing
import Units

@testable import Wire

@Suite struct FrameDecoderTests {
    private static let stream = Samples.messages.flatMap { $0.encode() }

    private static func drain(_ decoder: inout FrameDecoder) throws -> [Message] {
        var messages: [Message] = []
        while let message = try decoder.next() { messages.append(message) }
        return messages
    }

    @Test func fedByteByByte_itGivesTheSameMessages() throws {
        var decoder = FrameDecoder()
        var messages: [Message] = []
        for byte in Self.stream {
            decoder.append([byte])
            messages += try Self.drain(&decoder)
        }
        #expect(messages == Samples.messages)
        #expect(!decoder.isMidFrame)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func fedInPiecesOfAnySize_itGivesTheSameMessages_whicheverWayItIsFed(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var (owned, borrowed, direct) = (FrameDecoder(), FrameDecoder(), FrameDecoder())
        var messages: [[Message]] = [[], [], []]
        var start = 0
        while start < Self.stream.count {
            let size = Int.random(in: 1...(Bool.random(using: &random) ? 20 : 40_000), using: &random)
            let piece = Array(Self.stream[start..<min(Self.stream.count, start + size)])
            start += piece.count
            owned.append(piece)
            unsafe borrowed.append(piece.span.bytes)
            // The queue of what was fed need not be drained each time.
            if Bool.random(using: &random) {
                messages[0] += try Self.drain(&owned)
                messages[1] += try Self.drain(&borrowed)
            }
            var position = 0
            while let message = try unsafe direct.next(from: piece.span.bytes, at: &position) {
                messages[2].append(message)
            }
            #expect(position == piece.count)
        }
        messages[0] += try Self.drain(&owned)
        messages[1] += try Self.drain(&borrowed)
        for found in messages { #expect(found == Samples.messages) }
    }

    @Test func itIsMidFrame_fromAFramesFirstByteToItsLast() throws {
        for message in Samples.messages {
            let bytes = message.encode()
            var decoder = FrameDecoder()
            #expect(!decoder.isMidFrame)
            for cut in Set([1, 3, 4, 5, bytes.count / 2, bytes.count - 1]) where cut > 0 && cut < bytes.count {
                decoder = FrameDecoder()
                decoder.append(Array(bytes[..<cut]))
                #expect(try decoder.next() == nil)
                #expect(decoder.isMidFrame, "\(message.type) at \(cut)")
                decoder.append(Array(bytes[cut...]))
                #expect(try decoder.next() == message)
                #expect(!decoder.isMidFrame, "\(message.type) at the end")
            }
        }
    }

    @Test(arguments: FrameType.allCases)
    func aLengthOverItsTypesBound_isRefusedBeforeTheBodyComes(type: FrameType) {
        // The length counts the type's byte, too.
        let over = UInt32(type.bodyByteCounts.upperBound + 2)
        var header: [UInt8] = []
        header.appendBigEndian(over)
        var decoder = FrameDecoder()
        decoder.append(header + [type.rawValue])
        let error = #expect(throws: WireError.self) { try decoder.next() }
        let isFixed = type.bodyByteCounts.count == 1
        #expect(error?.code == (isFixed ? .malformed : .tooLarge))
    }

    @Test(arguments: FrameType.allCases)
    func aLengthUnderItsTypesBound_isRefusedBeforeTheBodyComes(type: FrameType) {
        guard type.bodyByteCounts.lowerBound > 0 else { return }
        var header: [UInt8] = []
        header.appendBigEndian(UInt32(type.bodyByteCounts.lowerBound))
        var decoder = FrameDecoder()
        decoder.append(header + [type.rawValue])
        let error = #expect(throws: WireError.self) { try decoder.next() }
        #expect(error?.code == .malformed)
    }

    @Test func theLargestLength_isRefused_beforeItsTypeComes() {
        for length in [66_561, .max] as [UInt32] {
            var header: [UInt8] = []
            header.appendBigEndian(length)
            var decoder = FrameDecoder()
            decoder.append(header)
            let error = #expect(throws: WireError.self) { try decoder.next() }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test func afterAnError_everyCallThrowsTheSame() {
        var decoder = FrameDecoder()
        decoder.append([0, 0, 0, 1, 0x7F] + Message.ping(1).encode())
        let first = #expect(throws: WireError.self) { try decoder.next() }
        decoder.append(Message.ping(2).encode())
        let second = #expect(throws: WireError.self) { try decoder.next() }
        #expect(first == WireError(.unsupported, type: 0x7F, field: "unknown type"))
        #expect(first == second)
    }

    @Test func messagesBeforeAnError_areStillGiven() throws {
        var decoder = FrameDecoder()
        decoder.append(Message.ping(1).encode() + [0, 0, 0, 0])
        #expect(try decoder.next() == .ping(1))
        #expect(throws: WireError.self) { try decoder.next() }
    }

    @Test func anUnknownLargeFrame_isSkippedWithoutBeingKept() throws {
        var decoder = FrameDecoder()
        decoder.append([0, 1, 4, 0, 0xC0])
        for _ in 0..<66_559 { decoder.append([0]) }
        #expect(try decoder.next() == nil)
        #expect(!decoder.isMidFrame)
        decoder.append(Message.levelled.encode())
        #expect(try decoder.next() == .levelled)
    }

    /// A decoder that copied the rest of its input for each frame would need hours for this.
    @Test func manySmallFramesInOnePiece_takeLinearTime() throws {
        let count = 50_000
        var stream: [UInt8] = []
        for token in 0..<UInt64(count) { Message.ping(token).append(to: &stream) }
        var decoder = FrameDecoder()
        decoder.append(stream)
        var next: UInt64 = 0
        while let message = try decoder.next() {
            guard message == .ping(next) else { break }
            next += 1
        }
        #expect(next == UInt64(count))
    }

    @Test(arguments: [0x5EED_0001, 0x5EED_0002, 0x5EED_0003] as [UInt64])
    func changedBytes_neverTrap_andWhatIsAcceptedIsEncodedAsItCame(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let frames = Samples.messages.map { $0.encode() }.filter { $0.count < 5_000 }
        var acceptedCount = 0
        for _ in 0..<4_000 {
            var bytes = frames[Int.random(in: 0..<frames.count, using: &random)]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let position = Int.random(in: 4..<bytes.count, using: &random)
                bytes[position] = UInt8.random(in: 0...255, using: &random)
            }
            var decoder = FrameDecoder()
            decoder.append(bytes)
            guard let message = try? decoder.next() else { continue }
            acceptedCount += 1
            var again = FrameDecoder()
            again.append(message.encode())
            #expect((try? again.next()) == message)
        }
        #expect(acceptedCount > 100)
    }

    @Test(arguments: [7, 8] as [UInt64])
    func randomBytes_neverTrap(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var refusedCount = 0
        for _ in 0..<4_000 {
            // A plausible length and type, so that the bodies are reached.
            let type = FrameType.allCases[Int.random(in: 0..<FrameType.allCases.count, using: &random)]
            let bounds = type.bodyByteCounts
            let count = Int.random(
                in: bounds.lowerBound...min(bounds.upperBound, bounds.lowerBound + 60), using: &random)
            var bytes: [UInt8] = []
            bytes.appendBigEndian(UInt32(count + 1))
            bytes.append(type.rawValue)
            for _ in 0..<count {
                bytes.append(UInt8.random(in: 0...(Bool.random(using: &random) ? 2 : 255), using: &random))
            }
            var decoder = FrameDecoder()
            decoder.append(bytes)
            do { _ = try decoder.next() } catch { refusedCount += 1 }
        }
        #expect(refusedCount > 1_000)
    }
}
