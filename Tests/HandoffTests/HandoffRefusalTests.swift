import EventLoop
import Glibc
import Handoff
import Testing
import Units

/// Who is turned away, and what ends a connection.
@Suite struct HandoffRefusalTests {
    @Test @LoopActor func aUserInNoRuleIsRefusedBeforeItsHello() async throws {
        let house = try House(allow: [HandoffRule(userID: getuid() + 1)])
        let process = try await house.connect()
        #expect(try await process.lines.next().hasPrefix(errorLine("not_allowed")))
        #expect(try await process.lines.next() == "end")
        guard case .refused(let credentials, let failure) = try await house.events.next() else {
            throw Unexpected(what: "no refused")
        }
        #expect(credentials?.userID == getuid())
        #expect(failure.code == .notAllowed)
    }

    @Test @LoopActor func aModelThatNoRuleCoversIsRefused() async throws {
        let house = try House(allow: [HandoffRule(userID: getuid()) { $0.text == "acme/other" }])
        let process = try await house.connect()
        process.send(hello())
        #expect(try await process.lines.next().hasPrefix(errorLine("not_allowed")))
        #expect(try await process.lines.next() == "end")
        #expect(try await house.events.next().words == "not_allowed")
        #expect(house.server.instances.isEmpty)
    }

    /// A first line, and the error that it gets.
    @Test(arguments: [
        (#"{"type":"health","active":null}"#, "bad_message"),
        (#"{"type":"nonsense"}"#, "bad_message"),
        (#"{"type":"hello","protocol":[2],"model":"acme/words"}"#, "unknown_protocol"),
        (#"{"type":"hello","protocol":[1],"model":"acme/../words"}"#, "bad_message"),
        (#"{"type":"hello","protocol":[1]}"#, "bad_message"),
        (#"{"type":"hello","protocol":1,"model":"acme/words"}"#, "bad_message"),
        (#"{"type":"hello","protocol":[1],"model":"acme/words","instance":"a b"}"#, "bad_message"),
        (#"{"type":"hello","protocol":[1],"model":"acme/words","active":{"digest":"1234"}}"#, "bad_message"),
        ("", "bad_message"), ("[]", "bad_message"), ("null", "bad_message"), ("{", "bad_message"),
        (#"{"type":7}"#, "bad_message"), (#"{"type":"hello"#, "bad_message"),
        (String(repeating: "[", count: 100_000), "bad_message"),
    ])
    @LoopActor func aWrongFirstLineIsAnsweredAndTheConnectionEnds(line: String, code: String) async throws {
        let house = try House()
        let process = try await house.connect()
        process.send(line)
        #expect(try await process.lines.next().hasPrefix(errorLine(code)))
        #expect(try await process.lines.next() == "end")
        #expect(try await house.events.next().words == code)
    }

    @Test(arguments: [
        hello(), #"{"type":"health"}"#, #"{"type":"health","active":"\#(one.hex.uppercased())x"}"#,
        #"{"type":"reply"}"#, #"{"type":"reply","re":1}"#, #"{"type":"drained"}"#, #"{"type":"drained","digest":null}"#,
        #"{"type":"progress","re":"1","fraction":1}"#, #"{"type":"future","id":0}"#, #"{"type":"future","id":-1}"#,
        #"{"type":"future","id":9007199254740992}"#, #"{"type":"reply","re":99999999999999999999,"ok":true}"#, "\u{0}",
    ])
    @LoopActor func aWrongLaterLineEndsTheConnection(line: String) async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        process.send(line)
        #expect(try await process.lines.next().hasPrefix(errorLine("bad_message")))
        #expect(try await process.lines.next() == "end")
        #expect(try await house.events.next().isDetached(instance))
    }

    @Test @LoopActor func aLineOfTheGreatestLengthPassesAndALongerOneEndsTheConnection() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        let event = #"{"type":"drained","digest":"\#(one)","padding":""#
        let room = (1 << 20) - 1 - event.utf8.count - 2
        process.send(event + String(repeating: "x", count: room) + #""}"#)
        #expect(try await house.events.next() == .drained(instance, one))
        process.send(event + String(repeating: "x", count: room + 1) + #""}"#)
        #expect(try await process.lines.next().hasPrefix(errorLine("bad_message")))
        #expect(try await house.events.next().isDetached(instance))
    }

    @Test @LoopActor func randomBytesHarmNobodyElse() async throws {
        let house = try House()
        let (good, instance) = try await house.attached()
        var random = SplitMix64(seed: 0x5EED)
        let sample = Array(hello(#","instance":"x","resident":["\#(one)"]"#).utf8)
        for _ in 0..<200 {
            let bad = try await house.connect()
            var bytes = sample
            for _ in 0..<4 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            bad.send(raw: bytes + [0x0A])
            _ = try await bad.lines.next()
            bad.close()
        }
        good.send(#"{"type":"drained","digest":"\#(one)"}"#)
        while try await house.events.next() != .drained(instance, one) {}
        #expect(house.server.instances.map(\.instance).contains(instance))
    }

    @Test @LoopActor func aSilentNewcomerIsClosed() async throws {
        var settings = HandoffSettings()
        settings.helloDeadline = .milliseconds(20)
        let house = try House(settings: settings)
        let process = try await house.connect()
        #expect(try await process.lines.next().hasPrefix(errorLine("hello_timeout")))
        #expect(try await house.events.next().words == "hello_timeout")
    }

    @Test @LoopActor func aProcessThatFallsSilentIsTakenForDead() async throws {
        var settings = HandoffSettings()
        settings.lease = .milliseconds(40)
        let house = try House(settings: settings)
        let (process, instance) = try await house.attached()
        #expect(try await process.lines.next().hasPrefix(errorLine("lease_expired")))
        #expect(try await house.events.next().isDetached(instance))
    }

    @Test @LoopActor func aRequestWithoutAReplyFailsAndALateReplyIsIgnored() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        let wait = Duration.seconds(-Limits.handoffGraceSeconds) + .milliseconds(20)
        house.server.activate(instance, two, tag: nil, expecting: one, within: wait)
        _ = try await process.lines.next()
        guard case .activateFailed(instance, two, let failure) = try await house.events.next() else {
            throw Unexpected(what: "no activateFailed")
        }
        #expect(failure.code == .deadlineExceeded)
        process.send(#"{"type":"reply","re":1,"ok":true}"#)
        process.send(#"{"type":"drained","digest":"\#(one)"}"#)
        #expect(try await house.events.next() == .drained(instance, one))
    }

    @Test @LoopActor func aSecondReplyToOneRequestIsIgnored() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        house.server.activate(instance, two, tag: nil, expecting: one)
        _ = try await process.lines.next()
        for _ in 0..<2 { process.send(#"{"type":"reply","re":1,"ok":true}"#) }
        process.send(#"{"type":"drained","digest":"\#(one)"}"#)
        #expect(try await house.events.next() == .activated(instance, two))
        #expect(try await house.events.next() == .drained(instance, one))
    }

    @Test @LoopActor func aLoadWithoutAReplyFailsAndIsReleased() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        let wait = Duration.seconds(-Limits.handoffGraceSeconds) + .milliseconds(20)
        house.server.load(instance, HandoffLoad(digest: two, tag: nil, path: "/x", deadline: wait))
        _ = try await process.lines.next()
        #expect(try await process.lines.next() == #"{"digest":"\#(two)","id":2,"type":"release"}"#)
        guard case .loadFailed(instance, two, _) = try await house.events.next() else {
            throw Unexpected(what: "no loadFailed")
        }
    }

    @Test @LoopActor func oneProcessTooManyIsRefused() async throws {
        var settings = HandoffSettings()
        settings.sessionCountMax = 2
        let house = try House(settings: settings)
        let (first, _) = try await house.attached()
        let second = try await house.connect()
        let third = try await house.connect()
        #expect(try await third.lines.next().hasPrefix(errorLine("too_many")))
        #expect(try await house.events.next().words == "too_many")
        first.close()
        _ = try await house.events.next()
        _ = try await house.attached(#","instance":"next""#)
        second.close()
    }

    @Test @LoopActor func aProcessThatConnectsAnewTakesItsFormerPlace() async throws {
        let house = try House()
        let (former, instance) = try await house.attached(#","instance":"gpu0""#)
        let next = try await house.connect()
        next.send(hello(#","instance":"gpu0""#))
        #expect(try await former.lines.next().hasPrefix(errorLine("replaced")))
        #expect(try await house.events.next().isDetached(instance))
        guard case .attached(let successor, _) = try await house.events.next() else {
            throw Unexpected(what: "no attached")
        }
        #expect(successor > instance)
        let (other, _) = try await house.attached(#","instance":"gpu1""#)
        #expect(house.server.instances.count == 2)
        other.close()
    }

    @Test @LoopActor func aProcessThatAnswersNothingIsCutOff_notFromWithinTheCommand() async throws {
        let house = try House()
        let (_, instance) = try await house.attached()
        for _ in 0...Limits.handoffOutstandingCountMax { house.server.release(instance, one) }
        #expect(house.events.waiting.isEmpty)
        #expect(house.server.instances.count == 1)
        #expect(try await house.events.next().isDetached(instance))
    }

    @Test @LoopActor func aProcessThatDoesNotReadIsCutOff() async throws {
        let house = try House()
        let process = try await house.connect()
        process.send(hello())
        guard case .attached(let instance, _) = try await house.events.next() else {
            throw Unexpected(what: "no attached")
        }
        process.stopReading()
        for _ in 0..<60_000 { process.send(#"{"type":"what","id":1}"#) }
        #expect(try await house.events.next().words.contains("does not read"))
        #expect(!house.server.instances.contains { $0.instance == instance })
        process.close()
    }
}
