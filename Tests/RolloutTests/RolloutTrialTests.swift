import Rollout
import Testing
import Units

/// Versions with calibration and a watch of a minute.
private let t2 = tried(2)
private let t3 = tried(3)
private let t4 = tried(4)
private let t5 = tried(5)

private func tried(_ number: UInt8, obstacle: String? = nil) -> RolloutVersion {
    RolloutVersion(
        digest: version(number).digest, tag: version(number).tag,
        trial: RolloutTrial(isCalibrated: true, watch: .seconds(60), errorShareMax: 0.1, obstacle: obstacle))
}

private func check(
    _ version: RolloutVersion, beside: RolloutVersion?, on instance: RolloutInstance = a
) -> RolloutEffect {
    .check(instance, version, beside: beside?.digest, within: .seconds(60))
}

extension Stage {
    /// Version 1 serves; `version` was loaded, passed and switched to, and is on trial.
    fileprivate static func onTrial(_ version: RolloutVersion = t2) -> Stage {
        var stage = Stage.servingFirst()
        stage.play(.available(version), .desired(version), .loaded(a, version.digest), .checked(a, version.digest))
        stage.play(.activated(a, version.digest), .drained(a, v1.digest))
        return stage
    }
}

@Suite struct RolloutTrialTests {
    @Test func aTryIsCountedDurablyBeforeTheLoad() {
        var stage = Stage.servingFirst()
        let counted = RolloutTrials(tries: [t2.digest: 1], revision: 1)
        #expect(stage.send(.available(t2), .desired(t2)) == [.keepTrials(counted)])
        #expect(stage.pass(.seconds(5)) == [])
        #expect(stage.send(.trialsKept(revision: 1)) == [load(t2)])
    }

    @Test func aLoadedVersionIsCheckedBesideTheServingOneAndThenSwitchedTo() {
        var stage = Stage.servingFirst()
        #expect(stage.play(.available(t2), .desired(t2)) == [load(t2)])
        #expect(stage.play(.loaded(a, t2.digest)) == [check(t2, beside: v1)])
        #expect(stage.rollout.state(of: t2.digest) == .checking)
        #expect(stage.play(.checked(a, t2.digest)) == [activate(t2, expecting: v1)])
        #expect(stage.play(.activated(a, t2.digest)) == [.setCurrent(t2)])
        #expect(stage.rollout.trialEnd(of: t2.digest) == stage.now + .seconds(60))
    }

    @Test func whatDoesNotPassIsSetAsideAndReleasedAndNotTriedAgain() {
        var stage = Stage.servingFirst()
        stage.play(.available(t2), .desired(t2), .loaded(a, t2.digest))
        #expect(stage.play(.checkFailed(a, t2.digest, fault("cosine 0.3"))) == [release(t2)])
        #expect(stage.rollout.state(of: t2.digest) == .failed)
        #expect(stage.rollout.error(of: t2.digest)?.contains("cosine 0.3") == true)
        stage.play(.released(a, t2.digest))
        #expect(stage.pass(.seconds(3_600)) == [])
        #expect(stage.play(.unavailable(t2.digest), .available(t2), .desired(v1), .desired(t2)) == [])
        #expect(stage.rollout.servings.map(\.digest) == [v1.digest])
    }

    @Test func whatWasSetAsideStaysSoOverARestart() {
        let trials = RolloutTrials(setAside: [.init(digest: t2.digest, reason: "cosine")], failedInARow: 1, revision: 9)
        var stage = Stage(restored: .init(current: v1, hadProcess: true, trials: trials))
        stage.play(.available(t2), .desired(t2))
        #expect(stage.play(.attached(a, .init())) == [load(v1)])
    }

    /// However many versions served since.
    @Test func whatStoodItsTrialNeedsNoneAfterARestart() {
        let trials = RolloutTrials(proven: [t2.digest], revision: 9)
        var stage = Stage(restored: .init(current: v1, hadProcess: true, trials: trials))
        stage.play(.available(v1), .available(t2), .attached(a, .init()), .loaded(a, v1.digest))
        stage.play(.activated(a, v1.digest))
        #expect(stage.send(.desired(t2)) == [load(t2)])
        #expect(stage.send(.loaded(a, t2.digest)).contains { if case .activate = $0 { true } else { false } })
    }

    /// What `current` named counts as proven, and goes on to when others came after it.
    @Test func whatServedBeforeIsRememberedWhenAnotherTakesItsPlace() {
        let first = tried(1)
        var stage = Stage(restored: .init(current: first, hadProcess: true))
        stage.play(.available(first), .available(t2), .desired(t2), .attached(a, .init(active: first.digest)))
        stage.play(.loaded(a, t2.digest), .checked(a, t2.digest), .activated(a, t2.digest))
        #expect(stage.rollout.trials.proven == [first.digest])
    }

    @Test func anOperatorCanHaveItTriedAgain() {
        var stage = Stage.servingFirst()
        stage.play(.available(t2), .desired(t2))
        stage.play(.loadFailed(a, t2.digest, fault("truncated")))
        #expect(stage.play(.retry(t3.digest)) == [])
        #expect(stage.play(.retry(t2.digest)) == [load(t2)])
    }

    /// `current` names it still where no process was left to go back.
    @Test func whatFailedItsTrialAndIsTriedAgainIsCheckedAndOnTrialAgain() {
        var stage = Stage.onTrial()
        stage.play(.detached(a, inOrder: false))
        #expect(stage.rollout.isSetAside(t2.digest) && stage.rollout.current?.digest == t2.digest)
        stage.play(.retry(nil))
        #expect(stage.play(.attached(a, .init())) == [load(t2)])
        #expect(stage.play(.loaded(a, t2.digest)) == [check(t2, beside: nil)])
        stage.play(.checked(a, t2.digest), .activated(a, t2.digest))
        #expect(stage.rollout.trialEnd(of: t2.digest) == stage.now + .seconds(60))
    }

    @Test func theVersionBeforeStaysInMemoryDuringTheTrialAndIsReleasedAfterIt() {
        var stage = Stage.onTrial()
        #expect(stage.pass(.seconds(59)) == [])
        stage.play(.reported(a, active: t2.digest, nil))
        let proven = RolloutTrials(proven: [t2.digest], revision: 2)
        #expect(stage.pass(.seconds(1)) == [.keepTrials(proven), release(v1)])
        #expect(stage.notes == [.proven(t2.digest)])
    }

    /// A process may say how it fares more seldom than a short trial lasts.
    @Test func aTrialLastsUntilTheProcessHasSaidHowItFares() {
        var stage = Stage.onTrial()
        #expect(stage.pass(.seconds(60)) == [])
        // The first counts only say from where on to count.
        stage.play(.reported(a, active: t2.digest, RolloutCounts(requests: 10, errors: 0)))
        #expect(stage.rollout.trialEnd(of: t2.digest) != nil)
        stage.play(.reported(a, active: t2.digest, RolloutCounts(requests: 20, errors: 0)))
        #expect(stage.rollout.trialEnd(of: t2.digest) == nil)
    }

    @Test func requestsThatHangDuringTheTrialGoBack() {
        var stage = Stage.onTrial()
        func report(_ requests: Int, _ inFlight: Int) -> [RolloutEffect] {
            stage.play(
                .reported(a, active: t2.digest, RolloutCounts(requests: requests, errors: 0, inFlight: inFlight)))
        }
        #expect(report(10, 1) == [])
        stage.pass(.seconds(10))
        #expect(report(20, 2) == [])
        stage.pass(.seconds(40))
        // Some have come to their end, so the time begins anew; others begin all the time.
        #expect(report(25, 3) == [])
        stage.pass(.seconds(59))
        #expect(report(40, 18) == [])
        #expect(stage.rollout.trialEnd(of: t2.digest) != nil)
        stage.pass(.seconds(1))
        #expect(report(41, 19).contains { if case .activate(a, v1, _, _) = $0 { true } else { false } })
        #expect(stage.rollout.error(of: t2.digest)?.contains("requests hang") == true)
    }

    @Test func tooManyErrorsDuringTheTrialGoBackWithoutALoad() {
        var stage = Stage.servingFirst()
        stage.play(.reported(a, active: v1.digest, RolloutCounts(requests: 1_000, errors: 500)))
        stage.play(.available(t2), .desired(t2), .loaded(a, t2.digest), .checked(a, t2.digest))
        stage.play(.activated(a, t2.digest), .drained(a, v1.digest))
        #expect(stage.play(.reported(a, active: t2.digest, RolloutCounts(requests: 1_030, errors: 503))) == [])
        let bad = RolloutCounts(requests: 1_039, errors: 504)
        #expect(stage.play(.reported(a, active: t2.digest, bad)) == [activate(v1, expecting: t2)])
        #expect(stage.play(.activated(a, v1.digest)) == [.setCurrent(v1)])
        #expect(stage.play(.drained(a, t2.digest)) == [release(t2)])
        #expect(stage.rollout.history == [])
        #expect(stage.pass(.seconds(600)) == [])
    }

    @Test func twoFailedRequestsAreNoReason() {
        var stage = Stage.onTrial()
        stage.play(.reported(a, active: t2.digest, RolloutCounts(requests: 0, errors: 0)))
        #expect(stage.play(.reported(a, active: t2.digest, RolloutCounts(requests: 2, errors: 2))) == [])
        #expect(
            stage.play(.reported(a, active: t2.digest, RolloutCounts(requests: 3, errors: 3)))
                == [activate(v1, expecting: t2)])
    }

    /// Version 1 has served so many requests of so many milliseconds; version 2 is on trial, and was heard of once.
    private func onTrial(afterRequestsOf milliseconds: Double, count: Int = 200, isDrained: Bool = true) -> Stage {
        var stage = Stage.servingFirst()
        stage.play(.reported(a, active: v1.digest, busy(0, 0)))
        stage.play(.reported(a, active: v1.digest, busy(count, milliseconds * Double(count))))
        stage.play(.available(t2), .desired(t2), .loaded(a, t2.digest), .checked(a, t2.digest))
        stage.play(.activated(a, t2.digest))
        if isDrained { stage.play(.drained(a, v1.digest)) }
        stage.play(.reported(a, active: t2.digest, busy(count, milliseconds * Double(count))))
        return stage
    }

    private func busy(_ requests: Int, _ milliseconds: Double) -> RolloutCounts {
        RolloutCounts(requests: requests, errors: 0, busy: .seconds(milliseconds / 1_000))
    }

    /// What follows once so many more requests of so many milliseconds have come to their end, twice.
    private func twice(_ count: Int, of milliseconds: Double, from start: RolloutCounts, in stage: inout Stage)
        -> [RolloutEffect]
    {
        let before = start.busy.map { $0.inSeconds * 1_000 } ?? 0
        return (1...2).flatMap { round in
            let requests = round * count
            let counts = busy(start.requests + requests, before + milliseconds * Double(requests))
            return stage.play(.reported(a, active: t2.digest, counts))
        }
    }

    @Test func requestsThatTakeMoreThanTwiceAsLongDuringTheTrialGoBack() {
        var stage = onTrial(afterRequestsOf: 10)
        #expect(twice(100, of: 19, from: busy(200, 2_000), in: &stage) == [])
        #expect(twice(100, of: 21, from: busy(400, 5_800), in: &stage) == [activate(v1, expecting: t2)])
        #expect(stage.rollout.error(of: t2.digest)?.contains("21.0 ms in place of 10.0 ms") == true)
    }

    @Test func oneSlowHundredIsNoReason() {
        var stage = onTrial(afterRequestsOf: 10)
        #expect(stage.play(.reported(a, active: t2.digest, busy(300, 2_000 + 9_000))) == [])
        #expect(twice(100, of: 10, from: busy(300, 11_000), in: &stage) == [])
        #expect(stage.play(.reported(a, active: t2.digest, busy(600, 13_000 + 9_000))) == [])
    }

    @Test func slownessIsNotJudgedByFewRequestsNorByLessThanAMillisecondNorAgainstNothing() {
        var stage = onTrial(afterRequestsOf: 10)
        #expect(twice(49, of: 500, from: busy(200, 2_000), in: &stage) == [])
        stage = onTrial(afterRequestsOf: 10, count: 99)
        #expect(twice(200, of: 500, from: busy(99, 990), in: &stage) == [])
        stage = onTrial(afterRequestsOf: 0.1)
        #expect(twice(200, of: 1, from: busy(200, 20), in: &stage) == [])
        stage = onTrial(afterRequestsOf: 0)
        #expect(twice(200, of: 500, from: busy(200, 0), in: &stage) == [])
    }

    @Test func requestsOfTheVersionBeforeAreNotHeldAgainstTheNextOne() {
        var stage = onTrial(afterRequestsOf: 10, isDrained: false)
        #expect(twice(100, of: 500, from: busy(200, 2_000), in: &stage) == [])
        stage.play(.drained(a, v1.digest))
        #expect(twice(100, of: 10, from: busy(400, 102_000), in: &stage) == [])
    }

    @Test func aProcessThatDoesNotSayHowLongRequestsTookIsNotSlow() {
        var stage = onTrial(afterRequestsOf: 10)
        for requests in [400, 600, 800] {
            let untold = RolloutCounts(requests: requests, errors: 0)
            #expect(stage.play(.reported(a, active: t2.digest, untold)) == [])
        }
        // Told again, and less than before.
        #expect(twice(100, of: 10, from: busy(1_000, 500), in: &stage) == [])
    }

    /// A process that counts requests at their end seems to have ended fewer when some have just begun.
    @Test func errorsAreCountedThoughOtherNumbersFall() {
        var stage = onTrial(afterRequestsOf: 10)
        stage.play(.reported(a, active: t2.digest, RolloutCounts(requests: 203, errors: 2, busy: .seconds(2.03))))
        let fallen = RolloutCounts(requests: 203, errors: 3, inFlight: 3, busy: .seconds(1))
        #expect(stage.play(.reported(a, active: t2.digest, fallen)) == [activate(v1, expecting: t2)])
    }

    @Test func aProcessThatDiesDuringTheTrialComesBackToTheVersionBefore() {
        var stage = Stage.onTrial()
        stage.play(.detached(a, inOrder: false))
        #expect(stage.play(.attached(again, .init())) == [load(v1, on: again)])
        #expect(stage.rollout.error(of: t2.digest)?.contains("ended soon after") == true)
    }

    @Test func theOnlyVersionIsLoadedAgainAfterItsProcessDied() {
        var stage = Stage(restored: .init(hadProcess: true))
        stage.play(.attached(a, .init()), .available(t2), .desired(t2), .loaded(a, t2.digest), .checked(a, t2.digest))
        #expect(stage.play(.activated(a, t2.digest)) == [.setCurrent(t2)])
        stage.play(.detached(a, inOrder: false), .attached(again, .init()))
        #expect(stage.pass(.seconds(1)) == [load(t2, on: again)])
    }

    @Test func theOnlyVersionDoesNotServeIfAGateKeepsItOut() {
        var stage = Stage(restored: .init(hadProcess: true))
        stage.play(.attached(a, .init()), .available(t2), .desired(t2), .loaded(a, t2.digest))
        #expect(stage.play(.checkFailed(a, t2.digest, fault("NaN"))) == [release(t2)])
        #expect(stage.pass(.seconds(3_600)) == [])
    }

    @Test func aProcessThatSaysGoodbyeBlamesNobody() {
        var stage = Stage.onTrial()
        stage.play(.detached(a, inOrder: true))
        #expect(stage.play(.attached(again, .init())) == [load(t2, on: again)])
    }

    @Test(arguments: [0, 1, 2])
    func aProcessThatDiesOnTheWayGetsTheVersionBefore(step: Int) {
        var stage = Stage.servingFirst()
        stage.play(.available(t2), .desired(t2))
        if step >= 1 { stage.play(.loaded(a, t2.digest)) }
        if step >= 2 { stage.play(.checked(a, t2.digest)) }
        stage.play(.detached(a, inOrder: false))
        #expect(stage.play(.attached(again, .init())) == [load(v1, on: again)])
    }

    @Test func anAgentThatEndsInEveryTryGivesUp() {
        var trials = RolloutTrials()
        for count in 1...Limits.rolloutTryCountMax {
            var stage = Stage(restored: .init(current: v1, hadProcess: true, trials: trials))
            stage.send(.available(t2), .desired(t2))
            stage.send(.attached(a, .init(active: v1.digest)))
            #expect(stage.rollout.trials.tries[t2.digest] == count)
            trials = stage.rollout.trials
        }
        var stage = Stage(restored: .init(current: v1, hadProcess: true, trials: trials))
        stage.play(.available(t2), .desired(t2))
        #expect(stage.play(.attached(a, .init(active: v1.digest))) == [])
        #expect(stage.rollout.error(of: t2.digest)?.contains("the agent ended") == true)
    }

    @Test func aTryThatWasCalledOffDoesNotCount() {
        var stage = Stage.servingFirst()
        stage.play(.available(t2), .available(t3))
        stage.play(.desired(t2))
        for _ in 0..<10 {
            stage.play(.desired(t3), .loadFailed(a, t2.digest, fault("cancelled")))
            stage.play(.desired(t2), .loadFailed(a, t3.digest, fault("cancelled")))
        }
        #expect(stage.rollout.trials.setAside == [])
        #expect(stage.rollout.trials.tries[t2.digest] == 1)
    }

    @Test func afterARestartTheTrialBeginsAnew() {
        let trials = RolloutTrials(tries: [t2.digest: 1], revision: 1)
        var stage = Stage(
            restored: .init(current: t2, previous: [v1], hadProcess: true, trials: trials))
        stage.play(.available(t2), .desired(t2))
        stage.play(.attached(a, .init(active: t2.digest, resident: [t2.digest, v1.digest])))
        #expect(stage.rollout.trialEnd(of: t2.digest) == stage.now + .seconds(60))
        stage.play(.detached(a, inOrder: false))
        #expect(stage.play(.attached(again, .init())) == [load(v1, on: again)])
    }

    @Test func threeFailuresInARowStopSwitchingUntilAnOperatorSaysSo() {
        var stage = Stage.servingFirst()
        for bad in [t2, t3, t4] {
            #expect(stage.play(.available(bad), .desired(bad)) == [load(bad)])
            stage.play(.loadFailed(a, bad.digest, fault("bad")))
        }
        #expect(stage.play(.available(t5), .desired(t5)) == [])
        #expect(stage.rollout.error(of: t5.digest)?.contains("3 versions failed") == true)
        #expect(stage.play(.retry(nil)) == [load(t5)])
    }

    @Test func aGoodVersionBetweenThemStartsTheCountAnew() {
        var stage = Stage.servingFirst()
        for bad in [t2, t3] {
            stage.play(.available(bad), .desired(bad), .loadFailed(a, bad.digest, fault("bad")))
        }
        stage.play(.available(t4), .desired(t4), .loaded(a, t4.digest), .checked(a, t4.digest))
        stage.play(.activated(a, t4.digest), .reported(a, active: t4.digest, nil))
        stage.pass(.seconds(60))
        #expect(stage.rollout.trials.failedInARow == 0)
    }

    @Test func aVersionWithAnObstacleIsNeitherTriedNorServed() {
        let odd = tried(2, obstacle: "gate colour: unknown")
        var stage = Stage.servingFirst()
        #expect(stage.play(.available(odd), .desired(odd)) == [])
        #expect(stage.rollout.error(of: odd.digest) == "gate colour: unknown")
        var bare = Stage()
        #expect(bare.play(.available(odd), .desired(odd)) == [])
    }

    @Test func aProcessThatCannotCalibrateKeepsWhatItServes() {
        var stage = Stage(restored: .init(current: v1, hadProcess: true))
        stage.play(.attached(a, .init(active: v1.digest, canCalibrate: false)))
        #expect(stage.play(.available(t2), .desired(t2)) == [])
        #expect(stage.rollout.error(of: t2.digest)?.contains("calibrations") == true)
        #expect(stage.rollout.trials.setAside == [])
    }

    @Test func aCalibrationWithoutAnAnswerIsAFailure() {
        var stage = Stage.servingFirst()
        stage.play(.available(t2), .desired(t2), .loaded(a, t2.digest))
        stage.now = stage.now + .seconds(60 + Limits.rolloutAnswerSecondsGrace)
        #expect(stage.play(.timerFired) == [release(t2)])
        #expect(stage.rollout.error(of: t2.digest)?.contains("calibration in time") == true)
    }

    @Test func anErrorThatMayPassIsTriedAgain() {
        var stage = Stage.servingFirst()
        stage.play(.available(t2), .desired(t2))
        stage.play(.loadFailed(a, t2.digest, RolloutFault("busy", isTheVersions: false)))
        #expect(stage.pass(.seconds(1)) == [load(t2)])
    }

    @Test func aWishThatChangesDuringTheCalibrationCallsItOff() {
        var stage = Stage.servingFirst()
        stage.play(.available(t2), .desired(t2), .loaded(a, t2.digest))
        #expect(stage.play(.desired(v1)) == [release(t2)])
        #expect(stage.play(.checked(a, t2.digest)) == [])
        #expect(stage.rollout.trials.setAside == [])
    }
}
