internal import CLibuv
internal import CLinux

/// What the kernel knows of a TCP connection at one moment (TCP_INFO).
public struct TransportState: Hashable, Sendable {
    /// Smoothed over the last round trips; grows with every queue on the way, ours included.
    public let roundTrip: Duration
    /// The smallest within the kernel's window (five minutes unless somebody set it): the distance, without queues.
    /// Zero until it was measured.
    public let roundTripMin: Duration
    /// The largest payload of one segment.
    public let segmentByteCount: Int
    /// Sent and not acknowledged, counted in full segments.
    public let unackedByteCount: Int
    /// In the socket and not sent yet.
    public let unsentByteCount: Int
    /// What may be sent and not acknowledged.
    public let congestionWindowByteCount: Int
    /// What arrived there in the last round trips, in bytes a second; zero until it was measured.
    public let deliveryBytesPerSecond: Int64
    /// What the other side has acknowledged since the beginning.
    public let ackedByteCount: Int64
    /// Segments that were sent again, since the beginning.
    public let retransmittedSegmentCount: Int
    /// Time in which there was something to send or to be acknowledged, since the beginning.
    public let busyTime: Duration
    /// The part of it in which the other side's window was full: it reads too slowly.
    public let receiverLimitedTime: Duration
    /// The part of it in which this side's buffer was too small.
    public let bufferLimitedTime: Duration

    /// As the kernel counts.
    public init(
        roundTrip: Duration, roundTripMin: Duration, segmentByteCount: Int, unackedByteCount: Int,
        unsentByteCount: Int, congestionWindowByteCount: Int, deliveryBytesPerSecond: Int64, ackedByteCount: Int64,
        retransmittedSegmentCount: Int, busyTime: Duration, receiverLimitedTime: Duration, bufferLimitedTime: Duration
    ) {
        self.roundTrip = roundTrip
        self.roundTripMin = roundTripMin
        self.segmentByteCount = segmentByteCount
        self.unackedByteCount = unackedByteCount
        self.unsentByteCount = unsentByteCount
        self.congestionWindowByteCount = congestionWindowByteCount
        self.deliveryBytesPerSecond = deliveryBytesPerSecond
        self.ackedByteCount = ackedByteCount
        self.retransmittedSegmentCount = retransmittedSegmentCount
        self.busyTime = busyTime
        self.receiverLimitedTime = receiverLimitedTime
        self.bufferLimitedTime = bufferLimitedTime
    }
}

/// How networks that tell traffic apart are to treat what a connection sends.
public enum TrafficClass: Sendable {
    case ordinary
    /// After all other traffic: the lower-effort mark of RFC 8622, and the last band of this machine's own queue.
    case background

    /// The byte in the IP header; the lowest two bits are the kernel's.
    fileprivate var mark: Int32 { self == .background ? 0x04 : 0 }
}

/// Looking at TCP, and tuning it.
extension ByteStream {
    /// What the kernel knows of this connection; nil for a unix socket and a closed one. One system call, about a
    /// microsecond.
    public var transportState: TransportState? {
        guard peer != nil, let descriptor = handle.descriptor else { return nil }
        var state = clinux_tcp_state()
        guard unsafe clinux_tcp_state(descriptor, &state) == 0 else { return nil }
        let segment = Int(state.segment_byte_count)
        return TransportState(
            roundTrip: .microseconds(Int64(state.round_trip_microseconds)),
            roundTripMin: .microseconds(Int64(state.round_trip_min_microseconds)),
            segmentByteCount: segment,
            unackedByteCount: Int(state.unacked_segment_count) * segment,
            unsentByteCount: Int(state.unsent_byte_count),
            congestionWindowByteCount: Int(state.window_segment_count) * segment,
            deliveryBytesPerSecond: Int64(clamping: state.delivery_bytes_per_second),
            ackedByteCount: Int64(clamping: state.acked_byte_count),
            retransmittedSegmentCount: Int(state.retransmitted_segment_count),
            busyTime: .microseconds(Int64(clamping: state.busy_microseconds)),
            receiverLimitedTime: .microseconds(Int64(clamping: state.receiver_limited_microseconds)),
            bufferLimitedTime: .microseconds(Int64(clamping: state.buffer_limited_microseconds)))
    }

    /// Bounds what the kernel takes and does not send yet (TCP_NOTSENT_LOWAT): what is beyond waits in `write`, where
    /// whatever comes later may still go first. Zero takes the bound away. Does nothing on a unix socket, and where
    /// the kernel refuses: it is a tuning, and nothing depends on it.
    public func setUnsentByteCountMax(_ byteCount: Int) {
        guard peer != nil, let descriptor = handle.descriptor else { return }
        _ = clinux_set_unsent_max(descriptor, UInt32(clamping: byteCount))
    }

    /// Has the kernel spread what is sent evenly, at this many bytes a second (SO_MAX_PACING_RATE), where it would send
    /// a whole piece at once; nil for no bound. Does nothing on a unix socket, and where the kernel refuses.
    public func setPacingRate(_ bytesPerSecond: Int?) {
        guard peer != nil, let descriptor = handle.descriptor else { return }
        _ = clinux_set_pacing_rate(descriptor, bytesPerSecond.map { UInt64(max(1, $0)) } ?? .max)
    }

    /// Bounds what the kernel holds of what was written, unsent and unacknowledged (SO_SNDBUF). The kernel takes about
    /// half of its doubled number for its own books. Does nothing on a unix socket, and where the kernel refuses.
    public func setSendBuffer(byteCount: Int) {
        guard peer != nil, handle.descriptor != nil else { return }
        var value = Int32(clamping: byteCount)
        _ = unsafe uv_send_buffer_size(handle.pointer, &value)
    }

    /// Marks what is sent from now on. Does nothing on a unix socket, and where the kernel refuses.
    public func setTrafficClass(_ trafficClass: TrafficClass) {
        guard peer != nil, let descriptor = handle.descriptor else { return }
        _ = clinux_set_traffic_class(descriptor, trafficClass.mark, trafficClass == .background ? 1 : 0)
    }
}
