/// Lets one task at a time through, in the order of their coming: for changes that are durable before they are visible.
@LoopActor public final class SerialGate {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Open.
    public nonisolated init() {}

    /// Waits for its turn; `leave` must follow. It is not cut short when the task is cancelled.
    public func enter() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    /// Lets the next one in.
    public func leave() {
        guard !waiting.isEmpty else {
            isTaken = false
            return
        }
        waiting.removeFirst().resume()
    }
}
