import Testing
import Units

@testable import Trust

@Suite struct JoinMessageTests {
    private func roundTrip(_ message: JoinMessage) throws -> JoinMessage? {
        var reader = JoinMessageReader()
        try reader.append(message.encode())
        return try reader.next()
    }

    private func request(name: String = "berth", byteCount: Int) -> JoinMessage {
        .request(
            JoinRequest(
                tokenID: TokenID(exactly: Array(1...8)), name: name,
                signingRequest: [UInt8](repeating: 3, count: byteCount),
                authenticator: [UInt8](repeating: 4, count: 32)))
    }

    private func code(_ body: [UInt8]) -> Units.DecodingError.Code? {
        do throws(Units.DecodingError) {
            _ = try JoinMessage(body: body[...])
            return nil
        } catch {
            return error.code
        }
    }

    private func body(_ message: JoinMessage) -> [UInt8] { Array(message.encode().dropFirst(2)) }

    @Test func messagesOfEdgeSizesAreReadBack() throws {
        let edges: [JoinMessage] = [
            request(byteCount: 0), request(byteCount: 1024),
            request(name: String(repeating: "n", count: 64), byteCount: 1024), request(name: "", byteCount: 1),
            .grant(certificate: [1], rootByteCount: 1, partCount: 1),
            .grant(certificate: [UInt8](repeating: 1, count: 2048), rootByteCount: 65_536, partCount: 17),
            .grant(certificate: [1], rootByteCount: 4000, partCount: 1),
            .grant(certificate: [1], rootByteCount: 4001, partCount: 2),
            .root([9]), .root([UInt8](repeating: 9, count: 4000)),
            .refusal(.unknown, ""), .refusal(.unavailable, String(repeating: "é", count: 256)),
        ]
        for message in edges { #expect(try roundTrip(message) == message) }
    }

    @Test func everyRefusalCodeIsReadBack() throws {
        #expect(JoinRefusal.allCases.map(\.rawValue) == Array(1...7))
        for refusal in JoinRefusal.allCases {
            #expect(try roundTrip(.refusal(refusal, "why")) == .refusal(refusal, "why"))
        }
    }

    @Test func longRefusalIsCutBetweenCharacters() throws {
        let long = "x" + String(repeating: "é", count: 400)
        guard case .refusal(_, let text)? = try roundTrip(.refusal(.unavailable, long)) else {
            Issue.record("not a refusal")
            return
        }
        #expect(text == "x" + String(repeating: "é", count: 255))
    }

    @Test func sizesBeyondTheEdgeAreRefused() {
        #expect(code(body(request(byteCount: 1025))) == .outOfRange)
        #expect(code(body(request(name: String(repeating: "n", count: 65), byteCount: 1))) == .outOfRange)
        #expect(
            code(body(.grant(certificate: [UInt8](repeating: 1, count: 2049), rootByteCount: 1, partCount: 1)))
                == .outOfRange)
        #expect(code([3]) == .outOfRange)
        #expect(code([3] + [UInt8](repeating: 0, count: 4001)) == .outOfRange)
        #expect(code([4, 1, 2, 1] + [UInt8](repeating: 65, count: 513)) == .outOfRange)
    }

    @Test func grantsWhoseRootCannotComeSoAreRefused() {
        for (rootByteCount, partCount) in [(0, 0), (0, 1), (1, 0), (1, 2), (4001, 1), (65_537, 17), (8000, 8001)] {
            let grant = JoinMessage.grant(certificate: [1], rootByteCount: rootByteCount, partCount: partCount)
            #expect(code(body(grant)) == .outOfRange, "\(rootByteCount) bytes in \(partCount) parts")
        }
        #expect(code(body(.grant(certificate: [], rootByteCount: 1, partCount: 1))) == .outOfRange)
    }

    @Test func everyTruncationAndTrailingByteIsRefused() {
        for message in [
            request(byteCount: 9), .grant(certificate: [1, 2], rootByteCount: 7, partCount: 1), .refusal(.used, "no"),
        ] {
            let whole = body(message)
            for count in whole.indices {
                #expect(code(Array(whole.prefix(count))) == .truncated, "\(message) \(count)")
            }
            #expect(code(whole + [0]) == .trailing)
        }
    }

    @Test func aRefusalWithALaterCode_isReadAsUnavailable_withItsText() throws {
        let refusal = try JoinMessage(body: [4, 200, 0, 1, 65])
        #expect(refusal == .refusal(.unavailable, "A"))
    }

    @Test func unknownTypesAreRefused() {
        #expect(code([0]) == .invalid && code([5]) == .invalid)
        #expect(code([4, 1, 0, 1, 0xFF]) == .invalid)
    }
}

@Suite struct JoinMessageReaderTests {
    @Test func bytesMayComeOneByOne() throws {
        let messages: [JoinMessage] = [
            .refusal(.used, "a"), .root([1, 2, 3]), .grant(certificate: [1], rootByteCount: 3, partCount: 1),
        ]
        var reader = JoinMessageReader()
        var read: [JoinMessage] = []
        for byte in messages.flatMap({ $0.encode() }) {
            try reader.append([byte])
            while let message = try reader.next() { read.append(message) }
        }
        #expect(read == messages)
    }

    @Test func manyMessagesMayComeAtOnce() throws {
        let parts = (0..<17).map { JoinMessage.root([UInt8](repeating: $0, count: 4000)) }
        var reader = JoinMessageReader()
        try reader.append(parts.flatMap { $0.encode() })
        for part in parts { #expect(try reader.next() == part) }
        #expect(try reader.next() == nil)
    }

    @Test func badLengthsAreRefusedBeforeTheirBytesCome() throws {
        for length: [UInt8] in [[0, 0], [0x10, 0x01], [0xFF, 0xFF]] {
            var reader = JoinMessageReader()
            try reader.append(length)
            #expect(throws: Units.DecodingError.self) { try reader.next() }
        }
    }

    @Test func moreThanTheBoundIsRefused() throws {
        var reader = JoinMessageReader()
        try reader.append([UInt8](repeating: 1, count: Limits.joinBacklogByteCountMax))
        #expect(throws: Units.DecodingError.self) { try reader.append([1]) }
    }
}
