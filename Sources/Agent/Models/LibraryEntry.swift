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
    var phase = Phase.waiting {
        didSet {
            onPhase?(self)
            phaseBell.ring()
        }
    }
    /// Rings when the phase changes.
    let phaseBell = Bell()
    /// The phase changed.
    var onPhase: (@LoopActor (LibraryEntry) -> Void)?
    /// Why it is not ready; empty if nothing is wrong.
    var error = ""
    var manifest: Verified<Manifest>? {
        didSet { variant = manifest.map { preference.choose(of: model, among: $0.value.variants) } ?? .default }
    }
    /// Which variant this node takes; `default` until the manifest is here.
    private(set) var variant = VariantName.default
    var layout: Layout?
    /// Folders of the user's in which bytes of it may lie.
    var reuseFolders: [String] = []
    /// Bytes that were re-hashed, while verifying.
    var hashedByteCount: Int64 = 0
    private var pauseWaiter: CheckedContinuation<Void, Never>?
    private var pauseTimer: LoopTimer?
    /// Signs that came while nothing waited for them.
    private var hasSign = false
    private var isWaitingForRetry = false
    private var completionWaiter: CheckedContinuation<FetchEnd, Never>?

    /// How the wait for chunks ended.
    enum FetchEnd: Sendable {
        case complete, givenUp
        /// What is to be fetched has changed.
        case outdated
    }

    private let preference: VariantPreference

    init(digest: Digest, model: ModelName, preference: VariantPreference) {
        self.digest = digest
        self.model = model
        self.preference = preference
    }

    var key: VariantKey { VariantKey(version: digest, variant: variant) }

    /// Somebody wants it, and it is not here.
    var isToBeFetched: Bool { isWanted && phase != .ready }

    /// Waits until somebody may have what is missing, but no longer than `duration`.
    func awaitSign(atMost duration: Duration) async {
        guard !hasSign else { return }
        await pause(duration)
    }

    /// Waits after a failure of this node's own, which no neighbour's word mends.
    func awaitRetry(after duration: Duration) async {
        isWaitingForRetry = true
        await pause(duration)
        isWaitingForRetry = false
    }

    /// Somebody asks anew, perhaps because what was wrong is mended: what failed is tried at once.
    func retry() {
        guard isWaitingForRetry, phase == .failed else { return }
        phase = .waiting
        error = ""
        endPause()
    }

    private func pause(_ duration: Duration) async {
        precondition(pauseWaiter == nil, "two fetches of one version")
        await withCheckedContinuation { continuation in
            pauseWaiter = continuation
            let timer = LoopTimer { [weak self] in self?.endPause() }
            timer.start(after: duration)
            pauseTimer = timer
        }
    }

    /// What was said so far is known to the attempt that begins.
    func forgetSigns() { hasSign = false }

    /// A neighbour announced the version, or came.
    func noteSign() {
        hasSign = true
        if !isWaitingForRetry { endPause() }
    }

    private func endPause() {
        pauseTimer?.close()
        pauseTimer = nil
        pauseWaiter?.resume()
        pauseWaiter = nil
    }

    /// Waits for the swarm's word that all chunks are here, or for the end of the wish.
    func allChunks() async -> FetchEnd {
        precondition(completionWaiter == nil, "two fetches of one version")
        return await withCheckedContinuation { completionWaiter = $0 }
    }

    /// Wakes whoever waits for all chunks.
    func stopWaiting(_ end: FetchEnd) {
        completionWaiter?.resume(returning: end)
        completionWaiter = nil
    }
}
