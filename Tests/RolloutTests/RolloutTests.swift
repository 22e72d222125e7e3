import Rollout
import Testing
import Units

@Suite struct RolloutTests {
    @Test func aNewVersionIsLoadedThenActivatedThenCurrentThenTheOldOneReleased() {
        var stage = Stage.servingFirst()
        #expect(stage.wishSecond() == [load(v2)])
        #expect(stage.rollout.state(of: v2.digest) == .loading)
        #expect(stage.send(.loaded(a, v2.digest)) == [activate(v2, expecting: v1)])
        #expect(stage.rollout.current == v1)
        #expect(stage.send(.activated(a, v2.digest)) == [.setCurrent(v2)])
        #expect(stage.rollout.state(of: v2.digest) == .serving)
        #expect(stage.rollout.history == [v1])
        #expect(stage.send(.drained(a, v1.digest)) == [release(v1)])
        #expect(stage.send(.released(a, v1.digest)) == [])
        #expect(stage.rollout.state(of: v1.digest) == .ready)
    }

    @Test func theWishIsNotLoadedBeforeItIsOnDisk() {
        var stage = Stage.servingFirst()
        #expect(stage.send(.desired(v2)) == [])
        #expect(stage.rollout.state(of: v2.digest) == .waiting)
        #expect(stage.send(.available(v2)) == [load(v2)])
    }

    @Test func aModelWithoutProcessMovesCurrentAtCommit() {
        var stage = Stage()
        #expect(stage.send(.desired(v1)) == [])
        #expect(stage.send(.available(v1)) == [.setCurrent(v1)])
        #expect(stage.rollout.state(of: v1.digest) == .ready)
        #expect(stage.send(.available(v2)) == [])
        #expect(stage.send(.desired(v2)) == [.setCurrent(v2)])
    }

    @Test func aModelThatAwaitsAProcessMovesCurrentOnlyOnItsWord() {
        var stage = Stage(settings: .init(awaitsProcess: true))
        #expect(stage.send(.desired(v1), .available(v1)) == [])
        #expect(stage.send(.attached(a, .init())) == [.rememberProcess, load(v1)])
        #expect(stage.send(.loaded(a, v1.digest)) == [activate(v1, expecting: nil)])
        #expect(stage.send(.activated(a, v1.digest)) == [.setCurrent(v1)])
    }

    @Test func aModelThatEverHadAProcessMovesCurrentOnlyOnItsWordAlsoAfterARestart() {
        var stage = Stage(restored: .init(current: v1, hadProcess: true))
        #expect(stage.send(.available(v2), .desired(v2)) == [])
        #expect(stage.rollout.current == v1)
        #expect(stage.rollout.memory.hadProcess)
    }

    @Test func theFirstProcessEverIsRemembered_once() {
        var stage = Stage()
        #expect(stage.send(.attached(a, .init())) == [.rememberProcess])
        #expect(stage.send(.detached(a, inOrder: false), .attached(again, .init())) == [])
    }

    @Test func aFailedLoadLeavesTheOldVersionServingAndIsTriedAgainWithGrowingWaits() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            let seconds = Duration.seconds(wait)
            #expect(stage.send(.loadFailed(a, v2.digest, fault("truncated"))) == [])
            #expect(stage.rollout.state(of: v2.digest) == .failed)
            #expect(stage.rollout.error(of: v2.digest) == "truncated")
            #expect(stage.rollout.servings.map(\.digest) == [v1.digest])
            #expect(stage.rollout.current == v1)
            #expect(stage.wakeAt == stage.now + seconds)
            #expect(stage.pass(seconds - .nanoseconds(1)) == [])
            #expect(stage.pass(.nanoseconds(1)) == [load(v2)])
        }
        #expect(stage.send(.loaded(a, v2.digest), .activated(a, v2.digest)).last == .setCurrent(v2))
        #expect(stage.rollout.error(of: v2.digest) == nil)
    }

    @Test func aNewWishIsTriedAtOnceThoughAnotherFailed() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loadFailed(a, v2.digest, fault("truncated")))
        #expect(stage.send(.available(v3), .desired(v3)) == [load(v3)])
        #expect(stage.rollout.error(of: v2.digest) == nil)
    }

    @Test func theSameWishAgainDoesNotShortenTheWait() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loadFailed(a, v2.digest, fault("truncated")))
        #expect(stage.send(.desired(v2), .available(v2), .reported(a, active: v1.digest, nil)) == [])
    }

    @Test func aVersionThatWasFetchedAnewIsTriedAtOnce() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        #expect(stage.send(.loadFailed(a, v2.digest, fault("damaged")), .unavailable(v2.digest)) == [])
        #expect(stage.pass(.seconds(60)) == [])
        #expect(stage.send(.available(v2)) == [load(v2)])
    }

    @Test func onlyTheNewestWishCountsWhileALoadRuns() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        #expect(stage.send(.available(v3), .desired(v3)) == [release(v2)])
        #expect(stage.notes == [.abandoned(a, v2.digest)])
        #expect(stage.rollout.state(of: v2.digest) == .ready)
        #expect(stage.send(.loadFailed(a, v2.digest, fault("cancelled"))) == [load(v3)])
        #expect(stage.rollout.error(of: v2.digest) == nil)
    }

    @Test func aLoadThatEndedBeforeItWasCalledOffIsNotCountedOn() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.available(v3), .desired(v3))
        #expect(stage.send(.loaded(a, v2.digest)) == [load(v3)])
        #expect(stage.send(.desired(v2)) == [release(v3)])
        #expect(stage.send(.loaded(a, v3.digest)) == [load(v2)])
    }

    @Test func aWishThatChangesAfterTheLoadReleasesTheCandidate() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest))
        #expect(stage.send(.available(v3), .desired(v3)) == [])
        #expect(stage.send(.activateFailed(a, v2.digest, .other(fault("busy")))) == [release(v2), load(v3)])
    }

    @Test func goingBackToAVersionThatDrainsNeedsNoLoad() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest), .activated(a, v2.digest))
        #expect(stage.send(.desired(v1)) == [activate(v1, expecting: v2)])
        #expect(stage.send(.activated(a, v1.digest)) == [.setCurrent(v1)])
        #expect(stage.rollout.history == [v2])
    }

    @Test func goingBackToAReleasedVersionLoadsIt() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest), .activated(a, v2.digest), .drained(a, v1.digest))
        #expect(stage.send(.desired(v1)) == [load(v1)])
        #expect(stage.send(.released(a, v1.digest)) == [])
        #expect(stage.send(.loaded(a, v1.digest)) == [activate(v1, expecting: v2)])
    }

    @Test func wordsOfAProcessThatHasGoneAreNotTakenForItsSuccessor() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.detached(a, inOrder: false), .attached(again, .init(active: v1.digest)))
        #expect(stage.send(.loaded(a, v2.digest), .activated(a, v2.digest)) == [])
        #expect(stage.rollout.servings.map(\.digest) == [v1.digest])
    }
}

@Suite struct RolloutDeadlineTests {
    @Test func aLoadWithoutAnAnswerIsCalledOffAndFailed() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        let limit = 120 + Limits.rolloutVerifySecondsMax + Limits.rolloutAnswerSecondsGrace
        #expect(stage.wakeAt == stage.now + .seconds(limit))
        #expect(stage.pass(.seconds(limit)) == [release(v2)])
        #expect(stage.rollout.state(of: v2.digest) == .failed)
        #expect(stage.pass(.seconds(1)) == [load(v2)])
    }

    @Test func aSwitchWithoutAnAnswerIsFailedUntilTheProcessSaysWhatIsTrue() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest))
        stage.pass(.seconds(10 + Limits.rolloutAnswerSecondsGrace))
        #expect(stage.rollout.state(of: v2.digest) == .failed)
        #expect(stage.send(.reported(a, active: v2.digest, nil)) == [.setCurrent(v2)])
        #expect(stage.rollout.error(of: v2.digest) == nil)
    }

    @Test func aReportThatTheSwitchHappenedIsAsGoodAsItsReply() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest))
        #expect(stage.send(.reported(a, active: v2.digest, nil)) == [.setCurrent(v2)])
        #expect(stage.send(.activated(a, v2.digest)) == [])
    }

    @Test func anAbandonedLoadWithoutAnAnswerDoesNotHoldUpForEver() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.available(v3), .desired(v3))
        let limit = 120 + Limits.rolloutVerifySecondsMax + Limits.rolloutAnswerSecondsGrace
        #expect(stage.pass(.seconds(limit)) == [load(v3)])
    }

    @Test func currentThatCouldNotBeMovedIsTriedAgain() {
        var stage = Stage.servingFirst()
        stage.wishSecond()
        stage.send(.loaded(a, v2.digest), .activated(a, v2.digest))
        #expect(stage.send(.setCurrentFailed(v2.digest, reason: "no space")) == [])
        #expect(stage.rollout.current == v1)
        #expect(stage.rollout.error(of: v2.digest)?.contains("no space") == true)
        #expect(stage.pass(.seconds(1)) == [.setCurrent(v2)])
        #expect(stage.rollout.error(of: v2.digest) == nil)
    }

    @Test func timeThatMovesBackwardsIsOurBug() async {
        await #expect(processExitsWith: .failure) {
            var rollout = Rollout(model: modelName)
            rollout.handle(.timerFired, now: Instant(nanoseconds: 5))
            rollout.handle(.timerFired, now: Instant(nanoseconds: 4))
        }
    }

    @Test func anEventBeforeTheEffectsAreDrainedIsOurBug() async {
        await #expect(processExitsWith: .failure) {
            var rollout = Rollout(model: modelName)
            rollout.handle(.attached(a, .init()), now: .zero)
            rollout.handle(.timerFired, now: .zero)
        }
    }
}
