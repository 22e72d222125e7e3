import EventLoop
import Testing

@Suite struct BellTests {
    @Test func aRingWakesAllWhoWait_longBeforeTheirTimeIsUp() async {
        await LoopActor.run {
            let bell = Bell()
            var wokenCount = 0
            let tasks = (0..<3).map { _ in
                Task { @LoopActor in
                    await bell.wait(atMost: .seconds(600))
                    wokenCount += 1
                }
            }
            while wokenCount < 3 {
                bell.ring()
                await Task.yield()
            }
            for task in tasks { await task.value }
            #expect(wokenCount == 3)
        }
    }

    @Test func withoutARing_theWaitEndsByItself() async {
        await LoopActor.run {
            let bell = Bell()
            await bell.wait(atMost: .milliseconds(1))
            bell.ring()  // nobody waits any more
            await bell.wait(atMost: .milliseconds(1))
        }
    }
}
