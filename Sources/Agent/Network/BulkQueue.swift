internal import EventLoop
internal import Units

/// What is too long to be sent at once, piece by piece: chunks that a neighbour asked for, manifests and layouts.
///
/// A piece is sent only while little waits in front of it, so that a control frame that comes now is
/// soon on its way. Sources take turns. A limit or low priority holds pieces back before they are made.
@LoopActor
final class BulkQueue {
    /// Frames of the next piece with about so many bytes at most; empty when there is no more.
    typealias Source = @LoopActor (_ byteCountMax: Int) -> [UInt8]

    /// Set once the neighbour's place is known; without one nothing is held back.
    var lane: UploadLane? {
        didSet { lane?.onTurn = { [weak self] in self?.goOn() } }
    }

    private let stream: SecureStream
    private var sources: [(key: UInt64, next: Source)] = []
    private var isSending = false
    private var isClosed = false
    private var window = SendWindow()
    private var windowLookedAt = Clock.now()

    init(_ stream: SecureStream) {
        self.stream = stream
        stream.transport.setSendBuffer(byteCount: window.byteCount)
    }

    /// Payload that a piece has at most: as small as the window where something queues, since what comes later waits
    /// for a whole piece; large where nothing does, since a piece costs a system call.
    private var pieceByteCount: Int {
        min(max(window.byteCount, Limits.uploadPieceByteCountMin), Limits.uploadReadByteCount)
    }

    /// Adds a source; `key` names it for `remove`.
    func add(_ key: UInt64, _ next: @escaping Source) {
        guard !isClosed else { return }
        sources.append((key, next))
        pump()
    }

    /// Takes a source out; what it gave before may still be on its way.
    func remove(_ key: UInt64) { sources.removeAll { $0.key == key } }

    /// Forgets all sources.
    func close() {
        isClosed = true
        lane?.close()
        sources.removeAll()
    }

    private func pump() {
        while !isSending, !isClosed, !sources.isEmpty {
            guard stream.queuedByteCount < Limits.uploadBacklogByteCountMax else { return waitForControlFrames() }
            guard let byteCountMax = lane.map({ $0.turn() }) ?? Limits.uploadReadByteCount else {
                isSending = true  // the lane calls
                return
            }
            let source = sources.removeFirst()
            let piece = source.next(min(byteCountMax, pieceByteCount))
            guard !piece.isEmpty, !isClosed else { continue }
            lane?.note(piece.count)
            sources.append(source)
            isSending = true
            stream.send(piece) { [weak self] in self?.goOn() }
        }
    }

    /// What is queued is not ours, so nobody else would call when it is gone.
    private func waitForControlFrames() {
        isSending = true
        stream.whenFlushed { [weak self] in self?.goOn() }
    }

    private func goOn() {
        isSending = false
        adjustWindow()
        pump()
    }

    private func adjustWindow() {
        let now = Clock.now()
        guard !isClosed, now - windowLookedAt >= Limits.sendWindowPause,
            let state = stream.transport.transportState
        else { return }
        windowLookedAt = now
        let byteCount = window.byteCount
        window.note(state)
        if window.byteCount != byteCount { stream.transport.setSendBuffer(byteCount: window.byteCount) }
    }
}
