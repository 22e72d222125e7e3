internal import Rollout
internal import Units

/// What is remembered of a model's trials, as it stands in `agent.json`.
struct StoredTrials: Codable, Sendable, Equatable {
    struct Failed: Codable, Sendable, Equatable {
        let version: String
        let reason: String
    }

    /// Manifest digest to tries that were begun.
    var tries: [String: Int] = [:]
    var setAside: [Failed] = []
    /// Manifest digests; nil in files of earlier builds.
    var proven: [String]?
    var failedInARow = 0
    var revision: UInt64 = 0

    init(_ trials: RolloutTrials) {
        tries = Dictionary(trials.tries.map { ($0.key.hex, $0.value) }, uniquingKeysWith: max)
        setAside = trials.setAside.map { Failed(version: $0.digest.hex, reason: $0.reason) }
        proven = trials.proven.map(\.hex)
        failedInARow = trials.failedInARow
        revision = trials.revision
    }

    /// What does not name a version is left out.
    var value: RolloutTrials {
        RolloutTrials(
            tries: Dictionary(
                tries.compactMap { text, count in Digest(hex: text).map { ($0, count) } }, uniquingKeysWith: max),
            setAside: setAside.compactMap { failed in
                Digest(hex: failed.version).map { RolloutTrials.Failed(digest: $0, reason: failed.reason) }
            }, proven: (proven ?? []).compactMap { Digest(hex: $0) }, failedInARow: failedInARow, revision: revision)
    }
}
