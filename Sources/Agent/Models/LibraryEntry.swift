internal import EventLoop
internal import Manifest
internal import Store
internal import Units

/// One version that this node holds, fetches or wants.
///
/// waiting → fetching (its documents, then its chunks) → verifying (what an earlier run left) → fetching → committing →
/// ready; failed for as long as an attempt waits for the next.
@LoopActor
final class LibraryEntry {
    enum Phase: String {
        case waiting, fetching, verifying, committing, ready, failed
    }

    let digest: Digest
    let model: ModelName
    /// Someone still wants it: a followed channel, or `get`.
    var isWanted = false
    var phase = Phase.waiting
    /// Why it is not ready; empty if nothing is wrong.
    var error = ""
    var manifest: Verified<Manifest>?
    var layout: Layout?
    /// Bytes that were re-hashed, while verifying.
    var hashedByteCount: Int64 = 0
    private var readyWaiters: [CheckedContinuation<Void, Never>] = []
    private var completionWaiter: CheckedContinuation<Void, Never>?

    init(digest: Digest, model: ModelName) {
        self.digest = digest
        self.model = model
    }

    /// Which variant this node takes.
    var variant: VariantName { manifest?.value.variants.first?.name ?? .default }

    var key: VariantKey { VariantKey(version: digest, variant: variant) }

    /// Waits until the phase may be worth another look: ready, failed or not wanted any more.
    func nextChange() async { await withCheckedContinuation { readyWaiters.append($0) } }

    /// Wakes everybody who waits for `nextChange`.
    func announceChange() {
        let waiters = readyWaiters
        readyWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    /// Waits for the swarm's word that all chunks are here, or for `stopWaiting`.
    func allChunks() async {
        precondition(completionWaiter == nil, "two fetches of one version")
        await withCheckedContinuation { completionWaiter = $0 }
    }

    /// All chunks are here, or the fetch is given up.
    func stopWaiting() {
        completionWaiter?.resume()
        completionWaiter = nil
    }
}
