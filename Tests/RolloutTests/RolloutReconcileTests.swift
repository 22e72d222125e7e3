import Rollout
import Testing
import Units

/// Crashes, restarts, processes with a will of their own, several processes, denied versions.
@Suite struct RolloutReconcileTests {
    /// What is done before the process dies, and whether the next process may get the candidate at once.
    @Test(
        arguments: [
            ([], false),
            ([.loaded(a, v2.digest)], false),
            ([.loaded(a, v2.digest), .activateFailed(a, v2.digest, .notResident)], false),
            ([.loaded(a, v2.digest), .activated(a, v2.digest)], true),
        ] as [([RolloutEvent], Bool)])
    func aProcessThatDiesAtAnyStepIsBroughtToTheWish(before: [RolloutEvent], isAtOnce: Bool) {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        for event in before { stage.send(event) }
        #expect(stage.send(.detached(a, inOrder: false)) == [])
        #expect(stage.rollout.servings.isEmpty)
        let first = isAtOnce ? v2 : v1
        #expect(stage.send(.attached(again, .init())) == [load(first, on: again)])
        stage.send(.loaded(again, first.digest), .activated(again, first.digest))
        #expect(stage.rollout.servings.map(\.digest) == [first.digest])
        guard !isAtOnce else { return }
        #expect(stage.rollout.error(of: v2.digest) != nil)
        #expect(stage.pass(.seconds(1)) == [load(v2, on: again)])
    }

    @Test func aCandidateThatKillsTheProcessEachTimeIsNotTriedInATightLoop() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        var waits: [Int64] = []
        for number in 10..<16 as Range<UInt64> {
            stage.send(.detached(RolloutInstance(number == 10 ? 1 : number - 1), inOrder: false))
            let process = RolloutInstance(number)
            #expect(stage.send(.attached(process, .init())) == [load(v1, on: process)])
            stage.send(.loaded(process, v1.digest), .activated(process, v1.digest))
            let wait = (stage.wakeAt ?? .zero) - stage.now
            waits.append(wait.wholeMilliseconds)
            #expect(stage.pass(wait) == [load(v2, on: process)])
        }
        #expect(waits == [1000, 2000, 4000, 8000, 16000, 32000])
    }

    @Test func anAgentThatRestartsBetweenSwitchAndCurrentCatchesUp() {
        var stage = Stage(restored: .init(current: v1, hadProcess: true))
        stage.send(.available(v2), .desired(v2))
        let hello = RolloutHello(active: v2.digest, resident: [v1.digest, v2.digest])
        #expect(stage.send(.attached(a, hello)) == [release(v1), .setCurrent(v2)])
    }

    @Test func anAgentThatRestartsAfterALoadOnlyActivates() {
        var stage = Stage(restored: .init(current: v1, hadProcess: true))
        stage.send(.available(v2), .desired(v2))
        let hello = RolloutHello(active: v1.digest, resident: [v1.digest, v2.digest])
        #expect(stage.send(.attached(a, hello)) == [activate(v2, expecting: v1)])
    }

    @Test func anAgentThatRestartsWhenAllIsWellDoesNothing() {
        var stage = Stage(restored: .init(current: v1, hadProcess: true))
        #expect(stage.send(.desired(v1), .attached(a, .init(active: v1.digest))) == [])
        #expect(stage.rollout.state(of: v1.digest) == .serving)
    }

    @Test func aProcessThatServesSomethingForeignIsBroughtToTheWish() {
        var stage = Stage(restored: .init(current: v1, hadProcess: true))
        stage.send(.desired(v1))
        #expect(stage.send(.attached(a, .init(active: v3.digest))) == [load(v1)])
        #expect(stage.rollout.servings.map(\.digest) == [v3.digest])
        #expect(stage.send(.loaded(a, v1.digest)) == [activate(v1, expecting: v3)])
    }

    @Test func aProcessThatSwitchesByItselfIsBroughtBack() {
        var stage = Stage.servingFirst()
        #expect(stage.send(.reported(a, active: v3.digest, nil)) == [activate(v1, expecting: v3)])
        #expect(stage.rollout.servings.map(\.digest) == [v3.digest])
        #expect(stage.rollout.current == v1)
    }

    @Test func aProcessThatServesNothingAnyMoreGetsTheVersionAgain() {
        var stage = Stage.servingFirst()
        #expect(stage.send(.reported(a, active: nil, nil)) == [load(v1)])
    }

    @Test func aConflictIsTakenAsTheTruthAndTriedAgainAfterAWait() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest))
        let next = [release(v2), activate(v1, expecting: v3)]
        #expect(stage.send(.activateFailed(a, v2.digest, .conflict(active: v3.digest))) == next)
        #expect(stage.rollout.servings.map(\.digest) == [v3.digest])
        #expect(stage.rollout.error(of: v2.digest)?.contains(v3.digest.short) == true)
    }

    @Test func aConflictWithTheWishItselfIsASuccess() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest))
        #expect(stage.send(.activateFailed(a, v2.digest, .conflict(active: v2.digest))) == [.setCurrent(v2)])
    }

    @Test func currentMovesOnceAllProcessesServe() {
        var stage = Stage.servingFirst(also: b)
        #expect(stage.wishSecond() == [load(v2), load(v2, on: b)])
        stage.send(.loaded(a, v2.digest), .loaded(b, v2.digest))
        #expect(stage.send(.activated(a, v2.digest)) == [])
        #expect(stage.rollout.current == v1)
        #expect(stage.send(.activated(b, v2.digest)) == [.setCurrent(v2)])
    }

    @Test func oneProcessThatFailsDoesNotHoldUpTheOther() {
        var stage = Stage.servingFirst(also: b)
        stage.wishSecond()
        #expect(stage.send(.loadFailed(a, v2.digest, fault("out of memory"))) == [])
        #expect(stage.send(.loaded(b, v2.digest)) == [activate(v2, expecting: v1, on: b)])
        #expect(stage.send(.activated(b, v2.digest)) == [])
        #expect(stage.rollout.error(of: v2.digest) == "out of memory")
        #expect(stage.rollout.state(of: v1.digest) == .serving)
        #expect(stage.send(.detached(a, inOrder: false)) == [.setCurrent(v2)])
    }

    @Test func aProcessThatCannotLoadBesideIsLeftServingAndItIsSaid() {
        var stage = Stage(restored: .init(current: v1, hadProcess: true))
        stage.send(.desired(v1), .attached(a, .init(active: v1.digest, canLoadBeside: false)))
        #expect(stage.wishSecond() == [])
        #expect(stage.notes == [.cannotLoadBeside(a, v2.digest)])
        #expect(stage.rollout.state(of: v2.digest) == .failed)
        #expect(stage.rollout.error(of: v2.digest)?.contains("restart it") == true)
        stage.send(.detached(a, inOrder: false))
        #expect(stage.send(.attached(again, .init(canLoadBeside: false))) == [load(v2, on: again)])
        #expect(stage.rollout.error(of: v2.digest) == nil)
    }
}

@Suite struct RolloutDenialTests {
    @Test func aDeniedWishIsNotLoaded() {
        var stage = Stage.servingFirst()
        #expect(stage.send(.denied(v2.digest), .available(v2), .desired(v2)) == [])
        #expect(stage.rollout.error(of: v2.digest) == "denied")
        #expect(stage.send(.allowed(v2.digest)) == [load(v2)])
    }

    @Test func aServedVersionThatIsDeniedGoesBackToTheOneBefore() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest), .activated(a, v2.digest), .drained(a, v1.digest), .released(a, v1.digest))
        #expect(stage.send(.denied(v2.digest)) == [load(v1)])
        #expect(stage.send(.loaded(a, v1.digest)) == [activate(v1, expecting: v2)])
        #expect(stage.send(.activated(a, v1.digest)) == [.setCurrent(v1)])
        #expect(stage.send(.drained(a, v2.digest)) == [release(v2)])
    }

    @Test func aServedVersionThatIsDeniedAndHasNoneBeforeServesOn() {
        var stage = Stage.servingFirst()
        #expect(stage.send(.denied(v1.digest)) == [])
        #expect(stage.notes == [.deniedServesOn(a, v1.digest)])
        #expect(stage.rollout.state(of: v1.digest) == .serving)
        #expect(stage.rollout.error(of: v1.digest)?.hasPrefix("denied") == true)
        stage.send(.detached(a, inOrder: false))
        #expect(stage.send(.attached(again, .init())) == [load(v1, on: again)])
    }

    @Test func aVersionThatIsDeniedWhileItLoadsIsCalledOff() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        #expect(stage.send(.denied(v2.digest)) == [release(v2)])
        #expect(stage.send(.loaded(a, v2.digest)) == [])
    }

    @Test func aVersionThatIsDeniedWhileItIsActivatedGoesBack() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest), .denied(v2.digest))
        #expect(stage.send(.activated(a, v2.digest)) == [activate(v1, expecting: v2)])
        #expect(stage.rollout.current == v1)
    }

    @Test func withoutProcessADeniedCurrentGoesBackToTheOneBefore() {
        var stage = Stage()
        stage.send(.available(v1), .desired(v1), .available(v2), .desired(v2))
        #expect(stage.send(.denied(v2.digest)) == [.setCurrent(v1)])
        #expect(stage.send(.allowed(v2.digest)) == [.setCurrent(v2)])
    }

    @Test func damageOnDiskDoesNotTouchWhatIsServed() {
        var stage = Stage.servingFirst()
        #expect(stage.send(.unavailable(v1.digest)) == [])
        #expect(stage.rollout.state(of: v1.digest) == .serving)
    }
}
