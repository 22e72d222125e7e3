internal import EventLoop
internal import Units

/// How much one connection may have in the kernel, unsent or on its way.
///
/// What the kernel took waits in the queue of this node's own link, and whatever comes later, the request that a
/// neighbour idles for included, waits behind it: on a shaped link of 40 Mbit/s the kernel's own buffers made 140 ms
/// of that. So the window grows while nothing queues and shrinks while something does, but never below what fills
/// the way there and back, and never below a few segments. With room for one alone, which on loopback is 64 KiB, each
/// waits for the 40 ms after which the other side acknowledges what came alone; that looks like a queue, so the window
/// stayed small for ever.
struct SendWindow {
    private(set) var byteCount = Limits.sendWindowByteCountMin

    /// Takes in what the kernel says after a piece went out.
    mutating func note(_ state: TransportState) {
        guard state.roundTripMin > .zero else { return }
        let least = max(Limits.sendWindowByteCountMin, Limits.sendWindowSegmentCountMin * state.segmentByteCount)
        let queueing = state.roundTrip - state.roundTripMin
        if queueing > Limits.queueingDelayMax {
            byteCount = max(byteCount / 2, underWay(state))
        } else if queueing < Limits.queueingDelayMax / 4 {
            byteCount *= 2
        }
        byteCount = min(max(byteCount, least), Limits.sendWindowByteCountMax)
    }

    /// Bandwidth times delay, without what queues.
    private func underWay(_ state: TransportState) -> Int {
        Int(Double(state.deliveryBytesPerSecond) * state.roundTripMin.inSeconds)
    }
}
