public import Units

/// A node of the receiver's place is about to ask for a chunk beyond it.
public struct Claim: Hashable, Sendable {
    /// Which chunk.
    public let chunk: ChunkReference
    /// Who is about to ask: the sender, or a node whose claim it passes on.
    public let claimant: NodeID

    /// Takes the fields as they are.
    public init(chunk: ChunkReference, claimant: NodeID) {
        self.chunk = chunk
        self.claimant = claimant
    }
}

/// Asks for one whole chunk.
public struct Request: Hashable, Sendable {
    /// The question's number.
    public let request: RequestID
    /// Which chunk.
    public let chunk: ChunkReference

    /// A question.
    public init(request: RequestID, chunk: ChunkReference) {
        self.request = request
        self.chunk = chunk
    }
}

/// What a DATA frame says before its payload.
public struct DataHeader: Hashable, Sendable {
    /// The question's number.
    public let request: RequestID
    /// Where in the chunk the bytes go.
    public let offset: UInt32
    /// How many bytes of payload follow: 1 to 16,384.
    public let byteCount: Int
}

/// Some bytes of a chunk that was asked for.
public struct DataFrame: Hashable, Sendable {
    /// The question's number.
    public let request: RequestID
    /// Where in the chunk the bytes go.
    public let offset: UInt32
    /// 1 to 16,384 bytes. From the decoder the array is uniquely referenced.
    public let payload: [UInt8]

    /// - Precondition: the bound above.
    public init(request: RequestID, offset: UInt32, payload: [UInt8]) {
        precondition((1...Limits.dataFrameByteCount).contains(payload.count), "\(payload.count) bytes of payload")
        self.request = request
        self.offset = offset
        self.payload = payload
    }

    /// What comes before the payload: length, type, request, offset.
    public static let headerByteCount = 13

    /// Payload of which a frame with its header fills one TLS record, so that a receiver can open it to where it
    /// belongs.
    public static let payloadByteCountPerRecord = Limits.dataFrameByteCount - headerByteCount

    /// Writes what comes before the payload to the start of `target`, which is at least that long.
    /// - Precondition: 1 to 16,384 bytes of payload.
    public static func writeHeader(
        request: RequestID, offset: UInt32, payloadByteCount: Int, to target: inout [UInt8], at start: Int
    ) {
        precondition((1...Limits.dataFrameByteCount).contains(payloadByteCount), "\(payloadByteCount) bytes of payload")
        var position = start
        func put(_ value: UInt32, _ target: inout [UInt8]) {
            for shift in stride(from: 24, through: 0, by: -8) {
                target[position] = UInt8(truncatingIfNeeded: value >> UInt32(shift))
                position += 1
            }
        }
        put(UInt32(1 + 8 + payloadByteCount), &target)
        target[position] = FrameType.data.rawValue
        position += 1
        put(request.value, &target)
        put(offset, &target)
    }

    /// Appends a whole frame to `output`; the payload is copied once, straight into it.
    /// - Precondition: 1 to 16,384 bytes of payload.
    public static func append(
        request: RequestID, offset: UInt32, payload: ArraySlice<UInt8>, to output: inout [UInt8]
    ) {
        appendHeader(request: request, offset: offset, payloadByteCount: payload.count, to: &output)
        output.append(contentsOf: payload)
    }

    /// Appends what comes before the payload, for a caller that writes the payload from where it is.
    /// - Precondition: 1 to 16,384 bytes of payload.
    public static func appendHeader(
        request: RequestID, offset: UInt32, payloadByteCount: Int, to output: inout [UInt8]
    ) {
        precondition((1...Limits.dataFrameByteCount).contains(payloadByteCount), "\(payloadByteCount) bytes of payload")
        output.reserveCapacity(output.count + headerByteCount + payloadByteCount)
        output.appendBigEndian(UInt32(1 + 8 + payloadByteCount))
        output.append(FrameType.data.rawValue)
        output.appendBigEndian(request.value)
        output.appendBigEndian(offset)
    }
}

/// The answer to REQUEST is no.
public struct Refuse: Hashable, Sendable {
    /// Why.
    public enum Reason: UInt8, Hashable, Sendable {
        /// Too much is asked of the source.
        case busy = 1
        /// The source does not have the chunk.
        case notHeld = 2
        /// The source does not have the version.
        case unknownVersion = 3
        /// The version is denied.
        case denied = 4
        /// The disk did not give it.
        case cannotRead = 5
        /// The source is ending, or has left the version.
        case leaving = 6
        /// Many wait for the chunk here, and a neighbour of the source has it by now.
        case elsewhere = 7
    }

    /// The question's number.
    public let request: RequestID
    /// Why.
    public let reason: Reason
    /// Ask again no sooner.
    public let retryMilliseconds: UInt32

    /// An answer.
    public init(request: RequestID, reason: Reason, retryMilliseconds: UInt32 = 0) {
        self.request = request
        self.reason = reason
        self.retryMilliseconds = retryMilliseconds
    }
}
