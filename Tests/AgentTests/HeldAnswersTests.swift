import Testing
import Units
import Wire

@testable import Agent

@Suite struct HeldAnswersTests {
    private let red = Digest(exactly: [UInt8](repeating: 1, count: 32))
    private let blue = Digest(exactly: [UInt8](repeating: 2, count: 32))

    private func question(_ node: UInt8, _ digest: Digest, _ number: UInt32 = 1) -> HeldAnswers.Question {
        HeldAnswers.Question(
            node: NodeID(exactly: [UInt8](repeating: node, count: 16)),
            fetch: Fetch(request: RequestID(number), kind: .manifest, digest: digest))
    }

    @Test func allThatWaitForAManifestAreTakenOnceInTheirOrder() {
        var held = HeldAnswers()
        let areFirst = [question(1, red), question(1, blue, 2), question(2, red)].map { held.hold($0) }
        #expect(areFirst == [true, true, false])
        let taken = [red, red, blue].map { held.take($0) }
        #expect(taken == [[question(1, red), question(2, red)], [], [question(1, blue, 2)]])
    }

    @Test func aNeighbourThatIsGoneWaitsForNothing() {
        var held = HeldAnswers()
        _ = (held.hold(question(1, red)), held.hold(question(2, red)), held.hold(question(1, blue)))
        held.lose(question(1, red).node)
        let taken = [red, blue].map { held.take($0) }
        #expect(taken == [[question(2, red)], []])
        let isFirst = held.hold(question(3, blue))
        #expect(isFirst)
    }
}
