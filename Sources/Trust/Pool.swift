internal import EventLoop
internal import Manifest

/// Runs blocking work on the pool, keeping the type of its error.
func onPool<T: Sendable>(_ work: @escaping @Sendable () throws(TrustError) -> T) async throws(TrustError) -> T {
    let result: Result<T, TrustError>
    do {
        result = try await ThreadPool.run { () -> Result<T, TrustError> in
            do throws(TrustError) { return .success(try work()) } catch { return .failure(error) }
        }
    } catch {
        throw TrustError(.io, "\(error)")
    }
    return try result.get()
}

/// Checks signatures on the pool: each takes some 0.2 ms, and a manifest may have megabytes to hash.
func judgeOnPool<T: Sendable>(_ work: @escaping @Sendable () throws(DocumentRefusal) -> T) async throws -> T {
    try await ThreadPool.run { () -> Result<T, DocumentRefusal> in
        do throws(DocumentRefusal) { return .success(try work()) } catch { return .failure(error) }
    }.get()
}
