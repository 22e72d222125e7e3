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
