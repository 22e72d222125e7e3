internal import EventLoop

/// The one place of the agent that makes tasks: work of the control plane that waits for others, by name, bounded and
/// cancelled when the agent ends. The per-chunk path has none.
@LoopActor
final class Jobs {
    private var tasks: [String: Task<Void, Never>] = [:]
    private var isStopped = false

    nonisolated init() {}

    /// Whether a job of this name is under way.
    func isRunning(_ name: String) -> Bool { tasks[name] != nil }

    /// Starts `work` unless a job of this name is under way or the agent ends.
    func start(_ name: String, _ work: @escaping @LoopActor () async -> Void) {
        guard !isStopped, tasks[name] == nil else { return }
        tasks[name] = Task { @LoopActor [weak self] in
            await work()
            self?.tasks[name] = nil
        }
    }

    /// Cancels one job; it ends at its next wait.
    func cancel(_ name: String) { tasks[name]?.cancel() }

    /// Cancels everything and starts nothing more.
    func stop() {
        isStopped = true
        for task in tasks.values { task.cancel() }
    }
}
