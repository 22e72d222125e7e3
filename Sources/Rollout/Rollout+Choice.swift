import Units

extension Rollout {
    /// What may run here, best first: the wish, what `current` names, then what it named before, newest first, and
    /// what the head goes back to.
    var ranking: [RolloutVersion] {
        var seen: Set<Digest> = []
        let before = history.reversed()
        let wanted = [desired, current].compactMap(\.self)
        // What has proven itself is a better place to go back to than what was passed over in the middle of its trial.
        let fallbacks = before.filter { isProven($0.digest) } + before.filter { !isProven($0.digest) }
        return (wanted + fallbacks + [base].compactMap(\.self)).filter { seen.insert($0.digest).inserted }
    }

    /// What this process should serve now; nil to leave it as it is.
    ///
    /// The best version that is allowed and there. One that just failed on this process is passed over for a while, so
    /// that a process which serves nothing gets the version before meanwhile; one that serves that already is settled.
    func choice(for instance: RolloutInstance, now: Instant) -> RolloutVersion? {
        guard let state = instances[instance] else { return nil }
        func isBlocked(_ digest: Digest) -> Bool {
            guard digest != state.active, digest != state.step.digest, let failure = failures[digest] else {
                return false
            }
            return failure.blocks(instance, attachedSequence: state.attachedSequence, now: now)
        }
        let best = ranking.first { version in
            let isThere = onDisk[version.digest] != nil || state.active == version.digest
            let isForbidden = denied.contains(version.digest) || isBarred(known(version))
            if isPassedOver(version.digest, active: state.active) { return false }
            return isThere && !isForbidden && !isBlocked(version.digest)
        }
        if let best { return onDisk[best.digest] ?? best }
        // Nothing to go back to: a denied version is served on, and `current` may always be loaded again.
        guard state.active == nil, let current, onDisk[current.digest] != nil, !isBarred(known(current)),
            !isPassedOver(current.digest, active: nil)
        else { return nil }
        return isBlocked(current.digest) ? nil : current
    }

    /// Whether a version is withheld here and there is another: a process rather waits for that one. One that serves on
    /// does so until the wish can be met.
    private func isPassedOver(_ digest: Digest, active: Digest?) -> Bool {
        guard digest == withheld, digest != desired?.digest, hasOther(than: digest) else { return false }
        let isWishComing = desired.map { !denied.contains($0.digest) && !isBarred(known($0)) } ?? false
        return digest != active || !isWishComing
    }

    /// What `current` should name for a model that no process serves; nil to leave it.
    func choiceWithoutProcess() -> RolloutVersion? {
        func isUsable(_ version: RolloutVersion) -> Bool {
            onDisk[version.digest] != nil && !denied.contains(version.digest) && !isBarred(known(version))
        }
        if let desired, isUsable(desired) { return desired }
        guard let current, denied.contains(current.digest) || isSetAside(current.digest) else { return nil }
        return history.last(where: isUsable)
    }

    /// The version as it is on disk: what was remembered over a restart may lack its trial.
    private func known(_ version: RolloutVersion) -> RolloutVersion { onDisk[version.digest] ?? version }

    /// A version by its digest, if this node knows it.
    func version(of digest: Digest) -> RolloutVersion? {
        onDisk[digest] ?? ranking.first { $0.digest == digest }
    }
}
