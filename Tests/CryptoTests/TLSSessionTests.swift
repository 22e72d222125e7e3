import Testing
import Units

@testable import Crypto

/// Bytes between two sessions that are open.
@Suite struct TLSSessionTests {
    let cluster: TestCluster

    init() throws { cluster = try TestCluster() }

    @Test(arguments: [Int.max, 1, 7, 500])
    func members_openASession_whateverThePieces(pieceByteCount: Int) throws {
        let client = try cluster.node("client")
        let server = try cluster.node("server")
        let pair = try TLSPair(client: client.session(.client), server: server.session(.server))
        #expect(try pair.handshake(pieceByteCount: pieceByteCount) == Outcome(client: .done, server: .done))
        #expect(pair.client.negotiatedProtocol == .shoal && pair.server.negotiatedProtocol == .shoal)
        #expect(pair.client.peerCertificate == server.certificate)
        #expect(pair.server.peerCertificate == client.certificate)
        #expect(pair.client.peerIdentity?.node == server.key.publicKey.nodeID)
        #expect(pair.server.peerIdentity?.name.text == "client")
        #expect(pair.client.readAll().step == .needsPeerBytes)
    }

    @Test func exporter_givesBothEndsTheSame_andEachLabelItsOwn() throws {
        let pair = try TLSPair.open(cluster: cluster)
        let exported = try pair.client.exporter(label: "EXPORTER-shoal-join", byteCount: 32)
        #expect(try pair.server.exporter(label: "EXPORTER-shoal-join", byteCount: 32) == exported)
        #expect(try pair.server.exporter(label: "EXPORTER-other", byteCount: 32) != exported)
        let other = try TLSPair.open(cluster: cluster)
        #expect(try other.client.exporter(label: "EXPORTER-shoal-join", byteCount: 32) != exported)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func transfer_inRandomPieces_arrivesByteForByte(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pair = try TLSPair.open(cluster: cluster)
        let sent = (0..<1_500_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        var wire: [UInt8] = []
        var start = 0
        while start < sent.count {
            let end = min(sent.count, start + Int.random(in: 1...200_000, using: &random))
            try pair.client.write(Array(sent[start..<end]))
            if Bool.random(using: &random) { wire += pair.client.takeOutput() }
            start = end
        }
        wire += pair.client.takeOutput()
        var received: [UInt8] = []
        start = 0
        while start < wire.count {
            let end = min(wire.count, start + Int.random(in: 1...100_000, using: &random))
            let piece = Array(wire[start..<end])
            let isLent = Bool.random(using: &random)
            if !isLent { try pair.server.receive(piece) }
            let (bytes, step) = isLent ? pair.server.readAll(from: piece) : pair.server.readAll()
            received += bytes
            #expect(step == .needsPeerBytes)
            start = end
        }
        #expect(received == sent)
    }

    @Test func records_are16KiB() throws {
        let pair = try TLSPair.open(cluster: cluster)
        try pair.client.write([UInt8](repeating: 7, count: 64 << 10))
        #expect(pair.client.pendingOutputByteCount == 4 * (16_384 + 22))
    }

    @Test func keyUpdates_inTheMiddle_loseNothing() throws {
        let server = try cluster.node("server").session(.server)
        let client = try cluster.node("client").session(.client) { $0.keyUpdateByteCount = 100_000 }
        let pair = TLSPair(client: client, server: server)
        #expect(try pair.handshake() == Outcome(client: .done, server: .done))
        var received: [UInt8] = []
        for round in 0..<20 {
            try client.write([UInt8](repeating: UInt8(round), count: 30_000))
            // Beyond the records themselves there is the update's message.
            if round == 3 { #expect(client.pendingOutputByteCount > 30_000 + 2 * 22) }
            received += server.readAll(from: client.takeOutput()).bytes
        }
        #expect(received == (0..<20).flatMap { [UInt8](repeating: UInt8($0), count: 30_000) })
    }

    @Test func change_ofOneBitOnTheWire_failsBothWays() throws {
        let pair = try TLSPair.open(cluster: cluster)
        try pair.client.write(Array("a secret".utf8))
        var wire = pair.client.takeOutput()
        wire[wire.count - 1] ^= 1
        let (bytes, step) = pair.server.readAll(from: wire)
        #expect(bytes.isEmpty)
        #expect(step.error?.code == .protocolViolation && step.error?.judge == .local)
        #expect(pair.server.readAll().step == step)
        #expect(!pair.server.isOpen)
        let alert = pair.client.readAll(from: pair.server.takeOutput()).step.error
        #expect(alert?.code == .protocolViolation && alert?.judge == .peer)
        #expect(throws: TLSError.self) { try pair.server.write([1]) }
    }

    @Test func close_isSeenByThePeer_afterAllBytes() throws {
        let pair = try TLSPair.open(cluster: cluster)
        try pair.client.write([1, 2, 3])
        pair.client.close()
        pair.client.close()
        let (bytes, step) = pair.server.readAll(from: pair.client.takeOutput())
        #expect(bytes == [1, 2, 3])
        #expect(step == .closed)
        #expect(pair.server.readAll().step == .closed)
        #expect(pair.server.endOfStream() == nil)
        #expect(code { try pair.client.write([4]) } == .closed)
        // The other direction is still good.
        try pair.server.write([5])
        pair.server.close()
        let answer = pair.client.readAll(from: pair.server.takeOutput())
        #expect(answer.bytes == [5] && answer.step == .closed)
    }

    @Test func stream_thatEndsWithoutAGoodbye_isTruncated() throws {
        let pair = try TLSPair.open(cluster: cluster)
        try pair.client.write([1, 2, 3])
        let wire = pair.client.takeOutput()
        #expect(pair.server.readAll(from: Array(wire.dropLast())).bytes.isEmpty)
        #expect(pair.server.endOfStream()?.code == .truncated)
        #expect(pair.server.readAll().step.error?.code == .truncated)
    }

    @Test func stream_thatEndsInTheHandshake_isTruncated() throws {
        let session = try cluster.node("client").session(.client)
        #expect(session.handshake() == .needsPeerBytes)
        #expect(session.endOfStream()?.code == .truncated)
        #expect(session.handshake().error?.code == .truncated)
    }

    @Test func output_thatNobodyTakes_isBounded_andNothingIsLost() throws {
        let pair = try TLSPair.open(cluster: cluster)
        let piece = [UInt8](repeating: 9, count: 1 << 20)
        var written = 0
        while code({ try pair.client.write(piece) }) == nil { written += 1 }
        #expect(code { try pair.client.write(piece) } == .outputFull)
        #expect(written == 7)
        #expect(pair.client.pendingOutputByteCount <= Limits.tlsOutputByteCountMax)
        #expect(pair.server.readAll(from: pair.client.takeOutput()).bytes.count == written << 20)
        try pair.client.write(piece)
        #expect(pair.server.readAll(from: pair.client.takeOutput()).bytes == piece)
    }

    @Test func input_thatNobodyReads_isBounded() throws {
        let session = try cluster.node("server").session(.server)
        let piece = [UInt8](repeating: 0, count: 1 << 20)
        for _ in 0..<4 { try session.receive(piece) }
        #expect(code { try session.receive([0]) } == .inputFull)
    }

    @Test func writing_whileReading_isAllowed() throws {
        let pair = try TLSPair.open(cluster: cluster)
        try pair.client.write([1])
        var failure: TLSError?
        let step = unsafe pair.server.read(from: pair.client.takeOutput().span.bytes) { _ in
            do { try pair.server.write([2]) } catch { failure = error as? TLSError ?? TLSError(.failed, "?") }
        }
        #expect(step == .needsPeerBytes && failure == nil)
        #expect(pair.client.readAll(from: pair.server.takeOutput()).bytes == [2])
    }

    @Test func noise_insteadOfAHello_isAProtocolViolation() throws {
        for noise in ["GET / HTTP/1.1\r\n\r\n", String(repeating: "x", count: 100)] {
            let session = try cluster.node("server").session(.server)
            try session.receive(Array(noise.utf8))
            #expect(session.handshake().error?.code == .protocolViolation)
        }
    }

    private func code(_ body: () throws -> Void) -> TLSError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? TLSError)?.code ?? .failed }
    }
}
