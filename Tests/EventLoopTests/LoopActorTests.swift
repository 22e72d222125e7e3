import EventLoop
import Testing
import Units

@Suite struct LoopActorTests {
    @Test func codeOnTheActorRunsOnOneThread() async {
        let first = await LoopActor.run { Thread.current }
        await withTaskGroup(of: UInt.self) { group in
            for _ in 0..<50 { group.addTask { await LoopActor.run { Thread.current } } }
            for await thread in group { #expect(thread == first) }
        }
    }

    @Test func assumeIsolatedOnTheLoopRunsTheBody() async {
        let value = await LoopActor.run { plainFunctionThatIsOnTheLoop() }
        #expect(value == 7)
    }

    @Test func assumeIsolatedElsewhereTraps() async {
        await #expect(processExitsWith: .failure) {
            LoopActor.assumeIsolated {}
        }
    }

    @Test func theRuntimeKnowsThatACallbackOfTheLoopIsIsolated() async throws {
        // Inside a callback there is no task: the runtime has to ask the executor.
        let isolated = await withCheckedContinuation { continuation in
            Task { @LoopActor in
                let timer = LoopTimer {
                    LoopActor.shared.preconditionIsolated()
                    continuation.resume(returning: true)
                }
                timer.start(after: .zero)
                keepForTheProcess.append(timer)
            }
        }
        #expect(isolated)
    }

    @Test func aJobThatAlwaysEnqueuesAnotherDoesNotStarveTimers() async {
        let fired = await LoopActor.run {
            let signal = Signal()
            let timer = LoopTimer { signal.isSet = true }
            timer.start(after: .milliseconds(1))
            let deadline = Clock.now() + .seconds(5)
            while !signal.isSet, Clock.now() < deadline { await Task.yield() }
            timer.close()
            return signal.isSet
        }
        #expect(fired)
    }

    @Test func clocksAdvanceAndTheDateIsPlausible() {
        let before = Clock.now()
        #expect(Clock.now() >= before)
        #expect(Clock.wallTime() > WallTime(secondsSince1970: 1_700_000_000))
    }

    private func plainFunctionThatIsOnTheLoop() -> Int { LoopActor.assumeIsolated { 7 } }
}

@LoopActor private var keepForTheProcess: [LoopTimer] = []

/// A flag that only the loop touches.
@LoopActor final class Signal { var isSet = false }
