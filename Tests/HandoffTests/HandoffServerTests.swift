import EventLoop
import Glibc
import Handoff
import Testing
import Units

@Suite struct HandoffServerTests {
    @Test @LoopActor func aHelloIsWelcomedAndTold() async throws {
        let house = try House()
        let process = try await house.connect()
        let active = #","active":{"digest":"\#(one)","version":"1"},"resident":["\#(one)","\#(two)"]"#
        process.send(hello(#","instance":"gpu0","runtime":"demo/1","unknown":[{}]"# + active))
        let welcome = #"{"agent":"shoal","instance":"gpu0","lease_ms":15000,"protocol":1,"type":"welcome"}"#
        #expect(try await process.lines.next() == welcome)
        guard case .attached(let instance, let hello) = try await house.events.next() else {
            throw Unexpected(what: "no attached")
        }
        #expect(hello.model.text == "acme/words")
        #expect(hello.name == "gpu0")
        #expect(hello.runtime == "demo/1")
        #expect(hello.canLoadBeside)
        #expect(hello.active == one)
        #expect(hello.resident == [one, two])
        #expect(hello.credentials?.processID == getpid())
        #expect(house.server.instances.map(\.instance) == [instance])
        process.close()
        #expect(try await house.events.next().isDetached(instance))
        #expect(house.server.instances.isEmpty)
    }

    @Test @LoopActor func aProcessWithoutANameIsNamedByItsProcessID() async throws {
        let house = try House()
        let (process, _) = try await house.attached()
        #expect(house.server.instances.first?.hello.name == "pid-\(getpid())")
        process.close()
    }

    @Test @LoopActor func theSocketIsForOwnerAndGroup() throws {
        let house = try House()
        var status = stat()
        #expect(unsafe stat(house.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o660)
    }

    @Test @LoopActor func aLoadIsAskedAndItsOutcomesAreTold() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        let load = HandoffLoad(digest: two, tag: Tag("2"), path: "/var/lib/words", deadline: .seconds(7))
        house.server.load(instance, load)
        let line = try await process.lines.next()
        let asked = #"{"deadline_ms":7000,"digest":"\#(two)","id":1,"path":"/var/lib/words","#
        #expect(line == asked + #""type":"load","variant":"default","version":"2"}"#)
        process.send(#"{"type":"progress","re":1,"fraction":0.5}"#)
        #expect(try await house.events.next() == .progressed(instance, two, fraction: 0.5))
        process.send(#"{"type":"reply","re":1,"ok":true,"load_ms":3}"#)
        #expect(try await house.events.next() == .loaded(instance, two, memory: nil))
        house.server.load(instance, load)
        _ = try await process.lines.next()
        process.send(#"{"type":"reply","re":2,"ok":false,"error":{"code":"load_failed","message":"cut\noff"}}"#)
        guard case .loadFailed(instance, two, let failure) = try await house.events.next() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(failure.code == .loadFailed)
        #expect(failure.message == "cut off")
        house.server.load(instance, load)
        _ = try await process.lines.next()
        process.send(#"{"type":"reply","re":3,"ok":false,"error":{"code":"of the future"}}"#)
        guard case .loadFailed(_, _, let other) = try await house.events.next() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(other.code == .internal)
    }

    @Test @LoopActor func anActivateSaysWhatIsExpectedAndAConflictWhatIsTrue() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        house.server.activate(instance, two, tag: nil, expecting: nil)
        let asked = #"{"deadline_ms":10000,"digest":"\#(two)","expect_active":null,"id":1,"#
        #expect(try await process.lines.next() == asked + #""type":"activate","version":"22222222"}"#)
        process.send(#"{"type":"reply","re":1,"ok":true,"previous":null}"#)
        #expect(try await house.events.next() == .activated(instance, two))
        house.server.activate(instance, one, tag: nil, expecting: two)
        #expect(try await process.lines.next().contains(#""expect_active":"\#(two)""#))
        let conflict = #""ok":false,"active":"\#(two)","error":{"code":"conflict","message":"no","retryable":true}"#
        process.send(#"{"type":"reply","re":2,"# + conflict + "}")
        guard case .activateFailed(instance, one, let failure) = try await house.events.next() else {
            throw Unexpected(what: "no activateFailed")
        }
        #expect(failure.code == .conflict)
        #expect(failure.active == two)
    }

    @Test @LoopActor func whatAProcessSaysUnaskedIsTold() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        process.send(#"{"type":"drained","digest":"\#(one)"}"#)
        #expect(try await house.events.next() == .drained(instance, one))
        process.send(#"{"type":"released","digest":"\#(one)"}"#)
        #expect(try await house.events.next() == .released(instance, one))
        process.send(#"{"type":"health","active":"\#(two)","in_flight":3,"requests":9,"errors":1,"busy_ms":81.5}"#)
        guard case .reported(instance, let report) = try await house.events.next() else {
            throw Unexpected(what: "no reported")
        }
        #expect(report.active == two)
        #expect((report.inFlightCount, report.requestCount, report.errorCount) == (3, 9, 1))
        #expect(report.busy == .seconds(0.0815))
        process.send(#"{"type":"health","active":null,"busy_ms":-1}"#)
        guard case .reported(instance, let empty) = try await house.events.next() else {
            throw Unexpected(what: "no reported")
        }
        #expect(empty.active == nil && empty.busy == nil)
    }

    @Test @LoopActor func aPingAndARefusedReleaseBringAReport() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        house.server.ping(instance)
        #expect(try await process.lines.next() == #"{"id":1,"type":"ping"}"#)
        process.send(#"{"type":"reply","re":1,"ok":true,"active":"\#(one)","resident":[],"in_flight":0}"#)
        guard case .reported(_, let report) = try await house.events.next() else {
            throw Unexpected(what: "no reported")
        }
        #expect(report.active == one)
        house.server.release(instance, two)
        #expect(try await process.lines.next() == #"{"digest":"\#(two)","id":2,"type":"release"}"#)
        process.send(#"{"type":"reply","re":2,"ok":false,"active":"\#(two)","error":{"code":"conflict"}}"#)
        guard case .reported(_, let second) = try await house.events.next() else {
            throw Unexpected(what: "no reported")
        }
        #expect(second.active == two)
    }

    @Test @LoopActor func anUnknownTypeIsAnsweredAndTheConnectionStays() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        process.send(#"{"type":"calibrated","id":7}"#)
        #expect(try await process.lines.next().contains(#""ok":false,"re":7,"type":"reply""#))
        process.send(#"{"type":"calibrated"}"#)
        #expect(try await process.lines.next().hasPrefix(errorLine("unsupported")))
        process.send(#"{"type":"error","error":{"code":"internal"}}"#)
        process.send(#"{"type":"reply","re":99,"ok":true}"#)
        process.send(#"{"type":"drained","digest":"\#(one)"}"#)
        #expect(try await house.events.next() == .drained(instance, one))
        #expect(process.lines.waiting.isEmpty)
    }

    @Test @LoopActor func closingTellsTheProcessesAndNobodyElse() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        house.server.close()
        #expect(try await process.lines.next().hasPrefix(errorLine("shutting_down")))
        #expect(try await process.lines.next() == "end")
        house.server.load(instance, HandoffLoad(digest: one, tag: nil, path: "/x"))
        #expect(house.events.waiting.isEmpty)
        await #expect(throws: LoopError.self) { _ = try await house.connect() }
    }
}

extension HandoffEvent {
    func isDetached(_ instance: HandoffInstance) -> Bool {
        if case .detached(instance, _, _) = self { true } else { false }
    }

    /// The code of a refused connection, or the reason of one that ended.
    var words: String {
        switch self {
        case .refused(_, let failure): failure.code.rawValue
        case .detached(_, _, let reason): reason
        default: "\(self)"
        }
    }
}
