import EventLoop
import Testing
import Units

@testable import Agent

@Suite struct SendWindowTests {
    private func state(rtt: Int64, least: Int64, bytesPerSecond: Int64, segment: Int = 1448) -> TransportState {
        TransportState(
            roundTrip: .microseconds(rtt), roundTripMin: .microseconds(least), segmentByteCount: segment,
            unackedByteCount: 0, unsentByteCount: 0, congestionWindowByteCount: 0,
            deliveryBytesPerSecond: bytesPerSecond, ackedByteCount: 0, retransmittedSegmentCount: 0, busyTime: .zero,
            receiverLimitedTime: .zero, bufferLimitedTime: .zero)
    }

    @Test func aConnectionWithoutQueuesGetsTheLargestWindow() {
        var window = SendWindow()
        for _ in 0..<20 { window.note(state(rtt: 60, least: 30, bytesPerSecond: 1 << 30)) }
        #expect(window.byteCount == Limits.sendWindowByteCountMax)
    }

    @Test func aQueueShrinksTheWindowToItsLeast() {
        var window = SendWindow()
        for _ in 0..<20 { window.note(state(rtt: 60, least: 30, bytesPerSecond: 5_000_000)) }
        for _ in 0..<20 { window.note(state(rtt: 80_000, least: 200, bytesPerSecond: 600_000)) }
        #expect(window.byteCount == Limits.sendWindowByteCountMin)
    }

    @Test func largeSegments_someFitIn_soThatNoneWaitsForALateAcknowledgement() {
        var window = SendWindow()
        for _ in 0..<20 { window.note(state(rtt: 40_000, least: 5, bytesPerSecond: 1_600_000, segment: 65_483)) }
        #expect(window.byteCount == 4 * 65_483)
    }

    @Test func aLongWayIsNeverEmptiedByShrinking() {
        var window = SendWindow()
        for _ in 0..<20 { window.note(state(rtt: 100_000, least: 100_000, bytesPerSecond: 6_250_000)) }
        for _ in 0..<20 { window.note(state(rtt: 180_000, least: 100_000, bytesPerSecond: 6_250_000)) }
        #expect(window.byteCount == 625_000)
    }

    @Test func nothingMeasuredChangesNothing() {
        var window = SendWindow()
        window.note(state(rtt: 0, least: 0, bytesPerSecond: 0))
        #expect(window.byteCount == Limits.sendWindowByteCountMin)
    }
}
