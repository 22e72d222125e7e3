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
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
        await LoopActor.run {
            let (first, second) = (Counter(), Counter())
            first.onEnd = { LoopTurn.callAtEnd(second) }
            second.onEnd = {
                continuation.yield(first.count)
                continuation.finish()
                (first.onEnd, second.onEnd) = (nil, nil)
            }
            LoopTurn.callAtEnd(first)
        }
        var counts: [Int] = []
        for await count in stream { counts.append(count) }
        #expect(counts == [1])
    }
}
