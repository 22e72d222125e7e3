import Testing
import Units

@testable import Wire

@Suite struct MessageTests {
    private static func decode(_ bytes: [UInt8]) throws -> Message? {
        var decoder = FrameDecoder()
        decoder.append(bytes)
        return try decoder.next()
    }

    /// A frame with a type and a body, whatever they are.
    private static func frame(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendBigEndian(UInt32(body.count + 1))
        return bytes + [type] + body
    }

    @Test func everyMessage_roundTrips() throws {
        #expect(Set(Samples.messages.map(\.type)) == Set(FrameType.allCases))
        for message in Samples.messages { #expect(try Self.decode(message.encode()) == message, "\(message.type)") }
    }

    @Test func aShorterBody_isRefused_wherever_itIsCut() {
        for message in Samples.messages {
            // Of these any beginning is a whole body, since their last field takes what is left.
            if [.document, .data, .part, .holdings].contains(message.type) { continue }
            let bytes = message.encode()
            let cuts = bytes.count < 600 ? Array(5..<bytes.count) : Array(stride(from: 5, to: bytes.count, by: 397))
            for cut in cuts {
                let error = #expect(throws: WireError.self) {
                    try Self.decode(Self.frame(bytes[4], Array(bytes[5..<cut])))
                }
                #expect(error?.code == .malformed, "\(message.type) cut at \(cut)")
            }
        }
    }

    @Test func aLongerBody_isRefused() {
        for message in Samples.messages where ![.hello, .document, .data, .part, .holdings].contains(message.type) {
            let bytes = message.encode()
            let longer = Self.frame(bytes[4], bytes[5...] + [0])
            #expect(throws: WireError.self, "\(message.type)") { try Self.decode(longer) }
        }
    }

    @Test func aListThatIsNotAscending_isRefused() {
        let version = Samples.digest(1).bytes
        for chunks in [[0, 0, 0, 2, 0, 0, 0, 2], [0, 0, 0, 2, 0, 0, 0, 1]] as [[UInt8]] {
            for type in [0x21, 0x22] as [UInt8] {
                let error = #expect(throws: WireError.self) {
                    try Self.decode(Self.frame(type, version + [0, 2] + chunks))
                }
                #expect(error == WireError(.malformed, type: type, field: "order"))
            }
        }
    }

    @Test func modelsOutOfOrder_areSortedByTheEncoder() throws {
        let message = Message.models([Samples.model("b"), Samples.model("a"), Samples.model("b")])
        #expect(try Self.decode(message.encode()) == .models([Samples.model("a"), Samples.model("b")]))
        let many = (0..<300).map { Samples.model("m\(1000 + $0)") }
        #expect(try Self.decode(Message.models(many).encode()) == .models(Array(many[..<256])))
    }

    @Test func peersThatDoNotFitAFrame_areLeftOut() {
        let peers = Peers(fitting: Array(repeating: Samples.longestEntry, count: 64))
        #expect(peers.entries.count == 31)
        #expect(Message.peers(peers).encode().count <= 4 + Limits.frameByteCountMax)
    }

    @Test func aTextThatIsTooLong_isCutBetweenCodePoints() {
        #expect(Goodbye(.slow, String(repeating: "a", count: 255) + "ö").text == String(repeating: "a", count: 255))
        #expect(Goodbye(.slow, String(repeating: "😀", count: 100)).text == String(repeating: "😀", count: 64))
    }

    @Test func dataFrames_areTheSame_whicheverWayTheyAreEncoded() {
        let payload = (0..<20_000).map { UInt8(truncatingIfNeeded: $0) }
        var output: [UInt8] = [42]
        DataFrame.append(request: 77, offset: 5, payload: payload[1_000..<9_000], to: &output)
        let message = Message.data(DataFrame(request: 77, offset: 5, payload: Array(payload[1_000..<9_000])))
        #expect(output == [42] + message.encode())
        #expect(output.count == 1 + DataFrame.headerByteCount + 8_000)
    }

    @Test func onlyDataAndPart_areBulk() {
        #expect(Set(Samples.messages.filter(\.isBulk).map(\.type)) == [.data, .part])
    }

    @Test func theTypesOfErrorsHaveTheNamesOfThePage() {
        #expect(FrameType.versionsQuery.description == "VERSIONS_QUERY")
        #expect(FrameType.have.description == "HAVE")
        #expect(GoodbyeCode.tooManyAddresses.description == "tooManyAddresses")
        #expect(GoodbyeCode(rawValue: 99).description == "code 99")
        #expect(WireError(.malformed, type: 0x21, field: "order").description == "malformed: HAVE, order")
    }

    @Test func onlyFaults_setANeighbourAside() {
        let harmless: [GoodbyeCode] = [.leaving, .duplicate, .`self`, .silent, .denied, .busy]
        for raw in UInt16(0)...17 {
            let code = GoodbyeCode(rawValue: raw)
            #expect(code.setsAside == !harmless.contains(code), "\(code)")
        }
    }
}
