/// All code of the shell runs here: the thread of the process's libuv loop is this actor's serial executor.
///
/// The thread starts with the actor's first use and ends with the process. Code on it must not block: hashing, disks
/// and anything else that waits goes to ``ThreadPool``.
@globalActor public actor LoopActor {
    /// The one instance.
    public static let shared = LoopActor()

    private init() {}

    /// The loop's thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe LoopExecutor.shared.asUnownedSerialExecutor()
    }

    /// Runs `body` at once, on this thread; for callbacks from C which are known to come on the loop's thread.
    ///
    /// - Precondition: The caller is on the loop's thread; traps otherwise.
    public static func assumeIsolated<T: Sendable>(_ body: @LoopActor () throws -> T) rethrows -> T {
        LoopExecutor.shared.checkIsolated()
        return try withoutActuallyEscaping(body) { body in
            // The isolation that the type asks for was just checked.
            try unsafe unsafeBitCast(body, to: (() throws -> T).self)()
        }
    }

    /// Hops to the loop's thread and runs `body` there.
    public static func run<T: Sendable>(_ body: @LoopActor @Sendable () async throws -> T) async rethrows -> T {
        try await body()
    }

    /// As ``assumeIsolated(_:)``, with a value (mostly a pointer that C gave) that nobody else has.
    public static func enter<Value, T: Sendable>(_ value: Value, _ body: @LoopActor (Value) -> T) -> T {
        LoopExecutor.shared.checkIsolated()
        return withoutActuallyEscaping(body) { body in
            unsafe unsafeBitCast(body, to: ((Value) -> T).self)(value)
        }
    }
}
