/// What a byte, a frame and a segment cost on their way. The defaults are those of Linux and Ethernet; where a
/// figure was fitted to real runs instead, the comment says so.
public struct NetworkModel: Sendable {
    /// Bytes on the wire for each byte of a TCP stream: 1,514 for each 1,448.
    public var wireFactor = 1.046
    /// Bytes that a TLS record and a frame's head add to each 16 KiB of payload.
    public var frameOverheadByteCount = 35
    /// Bytes that a control frame costs besides its body: Ethernet, IP, TCP, a TLS record, length and type.
    public var controlOverheadByteCount = 66 + 22 + 5
    /// Bytes of acknowledgements that go back for each 64 KiB, about what a receiver with GRO sends.
    public var acknowledgementByteCount = 66
    /// Payload that travels as one unit. 16 KiB is a frame; more makes large runs fast and links coarse.
    public var quantumByteCount = 16 << 10
    /// What part of a queue a control frame waits for. It would slip in between the packets of coarse units, of which
    /// fewer wait in reality: as many as of 64 KiB.
    var controlQueueShare: Double { min(1, 65_536 / Double(quantumByteCount)) }
    /// Whether a connection's window grows and shrinks as TCP's does, or is `windowByteCountMax` from the start.
    public var hasCongestionControl = true
    /// Bytes that a connection may have under way at most.
    public var windowByteCountMax = 4 << 20
    /// Bytes that a window starts with, and falls back to after a pause: ten segments.
    public var windowByteCountInitial = 14_480
    /// Bytes that the kernel takes beyond what is under way: a writer has to wait for more.
    public var unsentByteCountMax = 256 << 10
    /// Bytes that may wait in a node's uplink, downlink and in a rack's uplink before TCP takes it for congestion.
    public var uplinkQueueByteCount = 1_500_000
    /// See `uplinkQueueByteCount`.
    public var downlinkQueueByteCount = 512 << 10
    /// See `uplinkQueueByteCount`.
    public var rackQueueByteCount = 4 << 20
    /// Bytes that the thread pool hashes and writes in a second, on a node whose disk is not slow.
    public var storeBytesPerSecond = 800e6
    /// What a verdict costs besides: the hop to the pool and back.
    public var storeOverheadMicroseconds = 200
    /// Cores of the one machine that all nodes share; 0 for a machine each that is never busy.
    public var sharedCoreCount = 0
    /// Processor time of a byte at its sender and its receiver: TLS, sockets, bridge.
    public var sendNanosecondsPerByte = 1.6
    /// See `sendNanosecondsPerByte`.
    public var receiveNanosecondsPerByte = 2.4
    /// Processor time of an event in an agent, whatever it carries.
    public var eventMicroseconds = 15.0

    /// The defaults.
    public init() {}
}
