import Rollout
import Testing
import Units

/// Like the one of that number, with a trial.
private func tried(_ number: UInt8) -> RolloutVersion {
    RolloutVersion(
        digest: version(number).digest, tag: version(number).tag,
        trial: RolloutTrial(isCalibrated: false, watch: .seconds(60), errorShareMax: 0.1))
}

/// Where a node goes when what it should run cannot be: found by the simulator, each by a seed.
@Suite struct RolloutGuideTests {
    /// Seed 96: what was before the move was taken from the history, which does not hold what was set aside.
    @Test func aMoveAwayFromWhatWasSetAside_thatFails_isTriedAgain() {
        let bad = tried(4)
        var stage = Stage(restored: .init(current: v2, previous: [v1], hadProcess: true))
        stage.play(.desired(v2), .attached(a, .init(active: v2.digest, resident: [v2.digest])))
        stage.play(.available(bad), .desired(bad), .loaded(a, bad.digest), .activated(a, bad.digest))
        #expect(stage.rollout.current == bad)
        stage.play(.detached(a, inOrder: false), .attached(b, .init()), .loaded(b, v2.digest))
        #expect(stage.rollout.isSetAside(bad.digest))
        #expect(stage.play(.activated(b, v2.digest)).contains(.setCurrent(v2)))
        let effects = stage.play(.setCurrentFailed(v2.digest, reason: "the disk says no"))
        #expect(effects == [])
        #expect(stage.rollout.current == bad)
        #expect(stage.rollout.history == [v1, v2])
        #expect(stage.pass(.seconds(1)) == [.setCurrent(v2)])
        #expect(stage.rollout.history == [v1])
    }

    /// Seed 216: a process that came back waited for the base, and got what had been halted meanwhile.
    @Test func whatAHaltWithholds_isNotGoneBackTo_whileAnotherFails() {
        var stage = Stage(restored: .init(current: v2, previous: [v1], hadProcess: true))
        stage.play(.guided(base: v1, withheld: v2.digest), .desired(v1), .attached(a, .init()))
        #expect(stage.play(.loadFailed(a, v1.digest, fault("for now"))) == [])
        #expect(stage.pass(.seconds(1)) == [load(v1)])
    }

    @Test func whatIsWithheldServes_whereThereIsNothingElse() {
        var stage = Stage(restored: .init(current: v2, hadProcess: true))
        #expect(stage.play(.guided(base: v1, withheld: v2.digest), .desired(v1), .attached(a, .init())) == [load(v2)])
    }

    @Test func whatIsWithheldServesOn_untilTheWishIsThere() {
        var stage = Stage(restored: .init(current: v2, previous: [v1], hadProcess: true))
        stage.play(.desired(v2), .attached(a, .init(active: v2.digest, resident: [v2.digest])))
        #expect(stage.play(.guided(base: v3, withheld: v2.digest), .desired(v3)) == [])
        #expect(stage.play(.available(v3)) == [load(v3)])
    }

    /// Equal seeds gave different traces: the order of a dictionary decided.
    @Test func theStateIsThatOfTheProcessThatCameFirst() {
        let checked = RolloutTrial(isCalibrated: true, watch: .seconds(60), errorShareMax: 0.1)
        let new = RolloutVersion(digest: v2.digest, tag: v2.tag, trial: checked)
        for _ in 0..<20 {
            var stage = Stage.servingFirst(also: b)
            stage.play(.available(new), .desired(new), .loaded(b, new.digest))
            #expect(stage.rollout.state(of: new.digest) == .loading)
            stage.play(.loaded(a, new.digest))
            #expect(stage.rollout.state(of: new.digest) == .checking)
        }
    }

    /// Seed 394: a node that never ran anything went on with a bad version for ever.
    @Test func aNodeThatNeverRanAnything_goesToTheBase_whenTheVersionFails() {
        let bad = tried(2)
        var stage = Stage(settings: .init(awaitsProcess: true))
        stage.play(.available(v1), .available(bad), .guided(base: v1, withheld: nil), .desired(bad))
        #expect(stage.play(.attached(a, .init())).contains(load(bad)))
        #expect(stage.play(.loadFailed(a, bad.digest, fault("it does not load"))) == [load(v1)])
        #expect(stage.rollout.isSetAside(bad.digest))
    }
}
