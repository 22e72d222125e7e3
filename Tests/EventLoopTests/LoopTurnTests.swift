import EventLoop
import Testing

@Suite struct LoopTurnTests {
    @LoopActor private final class Counter: LoopTurnObserver {
        var count = 0
        var onEnd: (@LoopActor () -> Void)?

        func turnDidEnd() {
            count += 1
            onEnd?()
        }
    }

    @Test func anObserverIsCalledOnceForEachAsking_andNotBeforeTheTurnEnds() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
        await LoopActor.run {
            let counter = Counter()
            counter.onEnd = {
                continuation.yield(counter.count)
                continuation.finish()
                counter.onEnd = nil
            }
            LoopTurn.callAtEnd(counter)
            #expect(counter.count == 0)
        }
        var counts: [Int] = []
        for await count in stream { counts.append(count) }
        #expect(counts == [1])
    }

    @Test func whatAnObserverAsksForAtTheEndIsDoneInTheSameTurn() async {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        await LoopActor.run {
            let (first, second) = (Counter(), Counter())
            first.onEnd = {
                LoopTurn.callAtEnd(second)
                // A job runs in the next turn at the earliest.
                Task { @LoopActor in
                    continuation.yield("next turn")
                    continuation.finish()
                }
            }
            second.onEnd = { continuation.yield("second") }
            LoopTurn.callAtEnd(first)
        }
        var events: [String] = []
        for await event in stream { events.append(event) }
        #expect(events == ["second", "next turn"])
    }
}
