import Rollout
import Testing
import Units

/// Servers that serve what they load: what served before is gone then, and going back is a load.
@Suite struct RolloutReplacingTests {
    private static let hello = RolloutHello(active: v1.digest, canCalibrate: false, loadReplaces: true)

    private func stage() -> Stage {
        var stage = Stage(restored: .init(current: v1, previous: [], hadProcess: true))
        stage.send(.desired(v1), .attached(a, Self.hello))
        return stage
    }

    @Test func aLoadIsTheSwitch() {
        var stage = stage()
        #expect(stage.wishSecond() == [load(v2)])
        #expect(stage.send(.reported(a, active: v2.digest, nil)) == [])
        #expect(stage.send(.loaded(a, v2.digest)) == [.setCurrent(v2)])
        #expect(stage.rollout.servings.map(\.digest) == [v2.digest])
    }

    @Test func theWayBackIsALoadAgain() {
        var stage = stage()
        stage.wishSecond()
        stage.send(.reported(a, active: v2.digest, nil), .loaded(a, v2.digest))
        #expect(stage.send(.desired(v1)) == [load(v1)])
        #expect(stage.send(.reported(a, active: v1.digest, nil), .loaded(a, v1.digest)) == [.setCurrent(v1)])
    }

    @Test func aLoadThatIsNotWantedAnyMoreAndCannotBeStoppedIsUndoneByTheNext() {
        var stage = stage()
        stage.wishSecond()
        #expect(stage.send(.desired(v1)) == [release(v2)])
        #expect(stage.send(.reported(a, active: v2.digest, nil), .loaded(a, v2.digest)) == [load(v1)])
    }

    @Test func aFailedLoadLeavesTheOldOneServing() {
        var stage = stage()
        stage.wishSecond()
        stage.send(.reported(a, active: v1.digest, nil), .loadFailed(a, v2.digest, fault("broken")))
        #expect(stage.rollout.servings.map(\.digest) == [v1.digest])
        #expect(stage.rollout.current == v1)
    }

    @Test func aServerThatLostBothGetsTheOldOneAgain() {
        var stage = stage()
        stage.wishSecond()
        let effects = stage.send(.reported(a, active: nil, nil), .loadFailed(a, v2.digest, fault("broken")))
        #expect(effects == [load(v1)])
    }
}
