import EventLoop
import Testing
import Units

@Suite struct LoopTimerTests {
    @Test @LoopActor func timersFireInTheOrderOfTheirTimesAndNotEarly() async throws {
        let log = Log()
        let done = Promise<Bool>()
        let start = Clock.now()
        let late = LoopTimer {
            log.add("late \(Clock.now() - start >= .milliseconds(20))")
            done.fulfil(true)
        }
        let early = LoopTimer { log.add("early \(Clock.now() - start >= .milliseconds(5))") }
        let stopped = LoopTimer { log.add("stopped") }
        late.start(after: .milliseconds(20))
        early.start(after: .milliseconds(5))
        stopped.start(after: .milliseconds(1))
        stopped.stop()
        _ = try await done.get()
        #expect(log.lines == ["early true", "late true"])
    }

    @Test @LoopActor func aRepeatingTimerFiresUntilItIsClosed() async throws {
        let log = Log()
        let done = Promise<Bool>()
        let timer = LoopTimer {
            log.add("tick")
            if log.lines.count == 3 { done.fulfil(true) }
        }
        timer.start(after: .zero, repeating: .milliseconds(1))
        _ = try await done.get()
        timer.close()
        timer.close()
        let count = log.lines.count
        try await LoopTimer.wait(.milliseconds(10))
        #expect(log.lines.count == count)
    }

    @Test @LoopActor func aReleasedTimerDoesNotFire() async throws {
        let log = Log()
        var timer: LoopTimer? = LoopTimer { log.add("fired") }
        timer?.start(after: .milliseconds(1))
        timer = nil
        try await LoopTimer.wait(.milliseconds(10))
        #expect(log.lines.isEmpty)
    }

    @Test @LoopActor func aRestartReplacesTheEarlierTime() async throws {
        let log = Log()
        let timer = LoopTimer { log.add("fired") }
        timer.start(after: .milliseconds(1))
        timer.start(after: .seconds(60))
        try await LoopTimer.wait(.milliseconds(10))
        #expect(log.lines.isEmpty)
        timer.close()
    }
}
