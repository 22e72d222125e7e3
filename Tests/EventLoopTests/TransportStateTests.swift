import EventLoop
import Testing
import Units

@Suite struct TransportStateTests {
    @Test @LoopActor func aConnectionThatMovedBytesSaysHowFarTheOtherSideIs() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let received = Received()
        pair.server.startReading(onBytes: { received.append($0) }, onEnd: { _ in })
        pair.client.write([UInt8](repeating: 1, count: 1 << 20))
        received.whenCount(1 << 20) {}
        try await received.complete.get()
        let state = try #require(pair.client.transportState)
        #expect(state.roundTripMin > .zero)
        #expect(state.roundTripMin <= state.roundTrip)
        #expect(state.ackedByteCount > 0)
        #expect(state.congestionWindowByteCount > 0)
    }

    @Test @LoopActor func aBoundOfWhatIsUnsentKeepsTheRestInWrite() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        pair.client.setUnsentByteCountMax(64 << 10)
        let count = 32 << 20
        pair.client.write([UInt8](repeating: 3, count: count))
        let state = try #require(pair.client.transportState)
        // Nobody reads. The kernel looks at the bound between pieces, so a piece or two are beyond it; without the
        // bound its buffer of megabytes would fill.
        #expect(state.unsentByteCount < 256 << 10)
        #expect(pair.client.queuedByteCount > count / 2)
    }

    @Test @LoopActor func aClosedStreamHasNoState() async throws {
        let pair = try await Pair.connected()
        pair.close()
        pair.client.setUnsentByteCountMax(1)
        pair.client.setTrafficClass(.background)
        #expect(pair.client.transportState == nil)
    }
}
