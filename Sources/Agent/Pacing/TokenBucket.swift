internal import Units

/// Bytes that may go, refilled at a steady rate. What goes is taken afterwards, so the level may be below zero: a debt
/// that the next pause pays. Over any time longer than the burst the rate is exact, whatever the pieces are.
///
/// Invariant: the level is at most what the rate gives in `Limits.paceBurst`.
struct TokenBucket: Equatable {
    private(set) var bytesPerSecond: Double
    private var level: Double
    private var filledAt: Instant

    init(bytesPerSecond: Double, now: Instant) {
        precondition(bytesPerSecond > 0, "\(bytesPerSecond) bytes a second")
        self.bytesPerSecond = bytesPerSecond
        level = bytesPerSecond * Limits.paceBurst.inSeconds
        filledAt = now
    }

    private var burst: Double { bytesPerSecond * Limits.paceBurst.inSeconds }

    private func level(at now: Instant) -> Double {
        min(burst, level + max(0, (now - filledAt).inSeconds) * bytesPerSecond)
    }

    /// From now on at another rate. A debt that was made at a higher rate is not paid at the lower one.
    mutating func setRate(_ bytesPerSecond: Double, now: Instant) {
        precondition(bytesPerSecond > 0, "\(bytesPerSecond) bytes a second")
        guard bytesPerSecond != self.bytesPerSecond else { return }
        let current = level(at: now)
        self.bytesPerSecond = bytesPerSecond
        level = min(max(current, -burst), burst)
        filledAt = now
    }

    /// How long until something may go; zero for now.
    func wait(now: Instant) -> Duration {
        let level = level(at: now)
        guard level < 0 else { return .zero }
        return .nanoseconds(Int64((-level / bytesPerSecond * 1e9).rounded(.up)))
    }

    /// So much went.
    mutating func take(_ byteCount: Int, now: Instant) {
        level = level(at: now) - Double(byteCount)
        filledAt = max(filledAt, now)
    }

    /// What one piece may have, so that several sources take turns many times a second.
    var pieceByteCount: Int { max(Limits.pacedPieceByteCountMin, Int(bytesPerSecond * Limits.pacePiece.inSeconds)) }
}
