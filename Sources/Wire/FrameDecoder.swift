internal import Units

/// Turns the bytes of a connection into messages. Safe on hostile input.
///
/// The bytes of a frame are gathered step by step:
///
///     length → type → body → message
///                   → DATA's header → payload (→ message)
///                   → skipped (unknown types from 0x80 on)
///
/// A frame's length is bounded by its type before anything of its body is kept. DATA's payload goes straight from what
/// was fed into the array that the message carries: one copy. A caller that can put it where it belongs asks for
/// pieces instead, and feeds no payload at all. Work is linear in what was fed.
///
/// Invariant: `gathered` is the frame's beginning (length, type, and body or DATA's header) as far as it has come.
public struct FrameDecoder: Sendable {
    /// What comes out.
    public enum Piece: Sendable {
        /// A whole message of any type but DATA.
        case message(Message)
        /// A DATA frame has begun: its payload comes next and goes past the decoder. Say `notePayload` as it comes.
        case payload(DataHeader)
    }

    private enum Step {
        case length
        case type(byteCount: Int)
        case body(FrameType, byteCount: Int)
        case payload(DataHeader, rest: Int)
        case skipping(byteCount: Int)
        case failed(WireError)
    }

    private var step = Step.length
    private var gathered: [UInt8] = []
    private var payload: [UInt8] = []
    private var input: [UInt8] = []
    private var position = 0

    /// At the beginning of a connection.
    public init() {}

    /// True if a frame has begun and not ended: it must end within 10 s of its first byte.
    /// Ask when `next()` has returned nil.
    public var isMidFrame: Bool {
        if case .length = step { return !gathered.isEmpty }
        return true
    }

    /// Feeds bytes. The array is kept, not copied, if everything that was fed before is used up.
    public mutating func append(_ bytes: consuming [UInt8]) {
        if position == input.count {
            input = bytes
            position = 0
            return
        }
        if position > input.count / 2 {
            input.removeFirst(position)
            position = 0
        }
        input.append(contentsOf: bytes)
    }

    /// Feeds bytes from a buffer that the caller goes on to use. One copy; `next(from:at:)` has none.
    public mutating func append(_ bytes: borrowing RawSpan) {
        unsafe append(bytes.withUnsafeBytes { buffer in unsafe [UInt8](buffer) })
    }

    /// The next whole message of what was fed; nil if more bytes are needed.
    /// - Throws: what the neighbour did wrong: send GOODBYE with its code and close. Every later call throws the same.
    public mutating func next() throws(WireError) -> Message? {
        // Taken out, so that this decoder can change while it reads.
        let input = exchange(&self.input, with: [])
        var position = self.position
        defer {
            self.input = position == input.count ? [] : input
            self.position = position == input.count ? 0 : position
        }
        return try unsafe next(from: input.span.bytes, at: &position)
    }

    /// The next whole message of what was fed before and `bytes` from `position` on, which moves on; nil if all of
    /// `bytes` is used up and more is needed. For a caller that reads from its own buffer: nothing but a frame's
    /// beginning is kept here.
    /// - Throws: as `next()`.
    public mutating func next(from bytes: borrowing RawSpan, at position: inout Int) throws(WireError) -> Message? {
        while true {
            if case .payload(let header, _) = step {
                bytes.copy(into: &payload, upTo: header.byteCount, at: &position)
                guard payload.count == header.byteCount else { return nil }
                reset()
                return .data(
                    DataFrame(
                        request: header.request, offset: header.offset, payload: exchange(&payload, with: [])))
            }
            switch try nextPiece(from: bytes, at: &position) {
            case nil: return nil
            case .message(let message): return message
            case .payload(let header): payload.reserveCapacity(header.byteCount)
            }
        }
    }

    /// As `next(from:at:)`, but of DATA only the header: until its payload was noted, nothing may be fed.
    public mutating func nextPiece(from bytes: borrowing RawSpan, at position: inout Int) throws(WireError) -> Piece? {
        while true {
            switch step {
            case .length:
                guard gather(4, from: bytes, at: &position) else { return nil }
                let byteCount = Int(gatheredInteger(at: 0))
                guard byteCount >= 1 else { throw fail(.malformed, nil, "a length of 0") }
                guard byteCount <= Limits.frameByteCountMax else {
                    throw fail(.tooLarge, nil, "a length of \(byteCount)")
                }
                step = .type(byteCount: byteCount)
            case .type(let byteCount):
                guard gather(5, from: bytes, at: &position) else { return nil }
                step = try stepAfterType(gathered[4], bodyByteCount: byteCount - 1)
            case .body(.data, let byteCount):
                guard gather(DataFrame.headerByteCount, from: bytes, at: &position) else { return nil }
                let header = DataHeader(
                    request: RequestID(gatheredInteger(at: 5)), offset: gatheredInteger(at: 9), byteCount: byteCount - 8
                )
                step = .payload(header, rest: header.byteCount)
                return .payload(header)
            case .body(let type, let byteCount):
                guard gather(5 + byteCount, from: bytes, at: &position) else { return nil }
                return .message(try finish(type))
            case .payload:
                precondition(position == bytes.byteCount, "payload was fed that goes past the decoder")
                return nil
            case .skipping(let byteCount):
                let skipped = min(byteCount, bytes.byteCount - position)
                position += skipped
                step = .skipping(byteCount: byteCount - skipped)
                guard skipped == byteCount else { return nil }
                reset()
            case .failed(let error): throw error
            }
        }
    }

    /// How much payload of the DATA frame that has begun is still to come; 0 between frames.
    public var payloadByteCount: Int { if case .payload(_, let rest) = step { rest } else { 0 } }

    /// How many bytes may be read at once without running into a payload. At least 1, unless payload is due.
    public var wantedByteCount: Int {
        switch step {
        case .length, .type, .body(.data, _), .failed: DataFrame.headerByteCount - gathered.count
        case .body(_, let byteCount): 5 + byteCount - gathered.count + DataFrame.headerByteCount
        case .skipping(let byteCount): byteCount + DataFrame.headerByteCount
        case .payload: 0
        }
    }

    /// That much payload came.
    public mutating func notePayload(_ byteCount: Int) {
        guard case .payload(let header, let rest) = step, (0...rest).contains(byteCount) else {
            preconditionFailure("\(byteCount) bytes of payload are not due")
        }
        if byteCount == rest { reset() } else { step = .payload(header, rest: rest - byteCount) }
    }

    /// Checks a length against its type's bounds.
    private mutating func stepAfterType(_ raw: UInt8, bodyByteCount: Int) throws(WireError) -> Step {
        guard let type = FrameType(rawValue: raw) else {
            guard raw >= 0x80 else { throw fail(.unsupported, raw, "unknown type") }
            return .skipping(byteCount: bodyByteCount)
        }
        let bounds = type.bodyByteCounts
        guard !bounds.contains(bodyByteCount) else { return .body(type, byteCount: bodyByteCount) }
        let isOverBound = bodyByteCount > bounds.upperBound && bounds.count > 1
        throw fail(isOverBound ? .tooLarge : .malformed, raw, "a body of \(bodyByteCount) bytes")
    }

    private mutating func finish(_ type: FrameType) throws(WireError) -> Message {
        do {
            let message = try Message(type, body: gathered[5...])
            reset()
            return message
        } catch {
            throw fail(error)
        }
    }

    private mutating func reset() {
        step = .length
        gathered.removeAll(keepingCapacity: true)
    }

    /// True if `gathered` has `byteCount` bytes.
    private mutating func gather(_ byteCount: Int, from bytes: borrowing RawSpan, at position: inout Int) -> Bool {
        bytes.copy(into: &gathered, upTo: byteCount, at: &position)
        return gathered.count == byteCount
    }

    private func gatheredInteger(at position: Int) -> UInt32 {
        gathered[position..<position + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private mutating func fail(_ code: GoodbyeCode, _ type: UInt8?, _ field: String) -> WireError {
        fail(WireError(code, type: type, field: field))
    }

    private mutating func fail(_ error: WireError) -> WireError {
        step = .failed(error)
        gathered = []
        payload = []
        return error
    }
}

extension RawSpan {
    /// Copies from `position` on until `array` has `byteCount` bytes or the span ends.
    fileprivate func copy(into array: inout [UInt8], upTo byteCount: Int, at position: inout Int) {
        let count = min(byteCount - array.count, self.byteCount - position)
        guard count > 0 else { return }
        unsafe extracting(position..<position + count).withUnsafeBytes { buffer in
            unsafe array.append(contentsOf: buffer)
        }
        position += count
    }
}
