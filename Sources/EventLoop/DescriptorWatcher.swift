internal import CLibuv

/// Calls back on the loop when a descriptor that somebody else owns may be read from or written to.
///
/// Closed or released before the descriptor is; the loop must not watch a number that means something else by then.
@LoopActor public final class DescriptorWatcher {
    /// What a descriptor is watched for, and what it is ready for.
    public struct Readiness: OptionSet, Hashable, Sendable {
        /// The bits.
        public let rawValue: Int

        /// A set of them.
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// There is something to read, or the end.
        public static let readable = Readiness(rawValue: 1)
        /// There is room to write.
        public static let writable = Readiness(rawValue: 2)
        /// It broke. Comes without being asked for.
        public static let broken = Readiness(rawValue: 4)
    }

    private let handle: UVHandle
    private var onReady: (@LoopActor (Readiness) -> Void)?

    /// Makes a watcher that watches for nothing yet.
    /// - Throws: `.invalid` for a descriptor that cannot be watched, such as a file's.
    public init(descriptor: Int32, _ onReady: @escaping @LoopActor (Readiness) -> Void) throws(LoopError) {
        handle = unsafe try UVHandle(UV_POLL, "watch") { loop, raw in
            unsafe uv_poll_init(loop, raw.assumingMemoryBound(to: uv_poll_t.self), descriptor)
        }
        self.onReady = onReady
        handle.owner = self
    }

    isolated deinit { handle.close() }

    /// Watches for this from now on; for nothing, if the set is empty.
    public func watch(for wanted: Readiness) {
        guard !handle.isClosed else { return }
        var events: UInt32 = 0
        if wanted.contains(.readable) { events |= UV_READABLE.rawValue }
        if wanted.contains(.writable) { events |= UV_WRITABLE.rawValue }
        let status = unsafe uv_poll_start(handle.poll, Int32(events), descriptorIsReady)
        precondition(status == 0, "uv_poll_start: error \(status)")
    }

    /// Ends the watch and lets go of the callback. Idempotent.
    public func close() {
        onReady = nil
        handle.close()
    }

    fileprivate func report(_ status: Int32, _ events: Int32) {
        guard status == 0 else { return onReady?(.broken) ?? () }
        var ready: Readiness = []
        if UInt32(events) & UV_READABLE.rawValue != 0 { ready.insert(.readable) }
        if UInt32(events) & UV_WRITABLE.rawValue != 0 { ready.insert(.writable) }
        onReady?(ready)
    }
}

private func descriptorIsReady(_ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: Int32, _ events: Int32) {
    unsafe LoopActor.enter(handle) { handle in
        unsafe UVHandle.owner(DescriptorWatcher.self, data: handle?.pointee.data)?.report(status, events)
    }
}
