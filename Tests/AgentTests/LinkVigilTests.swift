import Testing
import Units
import Wire

@testable import Agent

@Suite struct LinkVigilTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func at(_ seconds: Double) -> Instant { start + .milliseconds(Int64(seconds * 1000)) }

    private func code(_ verdict: LinkVigil.Verdict) -> GoodbyeCode? {
        if case .end(let code, _) = verdict { code } else { nil }
    }

    @Test func aNeighbourThatSaysNoHelloIsEnded() {
        let vigil = LinkVigil(now: start)
        #expect(vigil.verdict(now: at(5), isIntroduced: false) == .quiet)
        #expect(code(vigil.verdict(now: at(5.1), isIntroduced: false)) == .slow)
        #expect(code(vigil.verdict(now: at(5.1), isIntroduced: true)) == nil)
    }

    @Test func silenceBringsAPingAndThenTheEnd() throws {
        var vigil = LinkVigil(now: start)
        #expect(vigil.verdict(now: at(5), isIntroduced: true) == .quiet)
        #expect(vigil.verdict(now: at(5.1), isIntroduced: true) == .ping)
        let token = vigil.beginPing(at: at(5.1))
        vigil.noteSent(at: at(5.1))
        let second = vigil.beginPing(at: at(5.2))
        #expect(token != nil && second == nil)
        #expect(vigil.verdict(now: at(10), isIntroduced: true) == .quiet)
        #expect(vigil.verdict(now: at(10.2), isIntroduced: true) == .ping, "unanswered or not, we show that we live")
        #expect(code(vigil.verdict(now: at(15.1), isIntroduced: true)) == .silent)
    }

    @Test func anAnswerMeasuresTheRoundTripOnce() throws {
        var vigil = LinkVigil(now: start)
        let token = try #require({ vigil.beginPing(at: at(6)) }())
        vigil.noteReceived(at: at(6.02))
        let foreign = vigil.endPing(token + 1, at: at(6.02))
        let trip = vigil.endPing(token, at: at(6.02))
        let again = vigil.endPing(token, at: at(6.03))
        #expect(foreign == nil && trip == .milliseconds(20) && again == nil)
        let next = vigil.beginPing(at: at(12))
        #expect(next != nil && next != token)
    }

    @Test func aFrameThatDripsIsEndedHoweverManyBytesCome() {
        var vigil = LinkVigil(now: start)
        for second in 1...10 {
            vigil.noteReceived(at: at(Double(second)))
            vigil.noteFrame(isOpen: true, at: at(Double(second)))
        }
        #expect(code(vigil.verdict(now: at(11), isIntroduced: true)) == nil)
        #expect(code(vigil.verdict(now: at(11.1), isIntroduced: true)) == .slow)
    }

    @Test func eachFrameHasItsOwnTime() {
        var vigil = LinkVigil(now: start)
        vigil.noteFrame(isOpen: true, at: at(1))
        vigil.noteFrameEnd()
        vigil.noteFrame(isOpen: true, at: at(9))
        vigil.noteReceived(at: at(11.5))
        #expect(code(vigil.verdict(now: at(11.5), isIntroduced: true)) == nil)
        vigil.noteFrame(isOpen: false, at: at(12))
        vigil.noteReceived(at: at(25))
        #expect(code(vigil.verdict(now: at(25), isIntroduced: true)) == nil)
    }
}
