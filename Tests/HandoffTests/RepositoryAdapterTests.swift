import EventLoop
import Foundation
import Handoff
import Testing
import Units

/// `v2` where something breaks in the middle of a load.
@Suite(.serialized) struct RepositoryAdapterTests {
    /// A stage on which version 1 serves.
    @LoopActor private func servingFirst() async throws -> (Stage, FakeRepository, HandoffInstance) {
        let stage = try Stage()
        let server = try FakeRepository(stage, .link)
        try stage.open(server.kind)
        let (instance, _) = try await stage.attached()
        try await stage.serve(one, on: instance, insteadOf: nil)
        return (stage, server, instance)
    }

    @Test @LoopActor func aVersionThatTakesTheServerDownWhileItIsLoadedIsNotWhatItStartsWith() async throws {
        let (stage, server, instance) = try await servingFirst()
        server.deadly = two
        stage.load(two, on: instance)
        guard case .detached(instance, inOrder: false, let reason) = try await stage.step() else {
            throw Unexpected(what: "no detached")
        }
        #expect(!reason.isEmpty && linked(stage.link) == one)
        try server.comeBack()
        #expect(server.served == one)
        // What it serves is not known for certain before it was told once more.
        let (next, hello) = try await stage.attached()
        #expect(hello.active == nil)
        try await stage.serve(one, on: next, insteadOf: nil)
        await stage.close()
        try stage.open(server.kind)
        #expect(try await stage.attached().1.active == one)
        await stage.close()
        server.die()
    }

    @Test @LoopActor func anAgentThatEndsInTheMiddleOfALoadDoesNotTakeTheLinksWordForIt() async throws {
        let (stage, server, instance) = try await servingFirst()
        server.isSlow = true
        stage.load(two, on: instance)
        while server.loadCount < 2 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(linked(stage.link) == two)
        let start = Clock.now()
        await stage.close()
        #expect(Clock.now() - start < .seconds(2))
        // The server goes on with what it was told, while nobody looks.
        server.finishSlowLoad()
        #expect(server.served == two)
        server.isSlow = false
        try stage.open(server.kind)
        let (next, hello) = try await stage.attached()
        #expect(hello.active == nil && linked(stage.link) == one)
        try await stage.serve(one, on: next, insteadOf: nil)
        #expect(server.served == one)
        await stage.close()
        server.die()
    }

    @Test @LoopActor func aLoadThatTookTooLongIsUndone_sinceItMayStillCome() async throws {
        let (stage, server, instance) = try await servingFirst()
        server.isSlow = true
        let load = HandoffLoad(digest: two, tag: nil, path: stage.path(two), deadline: .milliseconds(300))
        stage.router?.load(instance, load)
        while server.loadCount < 2 { try await Task.sleep(for: .milliseconds(10)) }
        server.isSlow = false
        guard case .loadFailed(instance, two, let failure) = try await stage.step() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(failure.code == .deadlineExceeded)
        #expect(server.loadCount == 3 && server.served == one && linked(stage.link) == one)
        await stage.close()
        server.die()
    }

    @Test @LoopActor func aServerThatIsAwayFailsALoadThatMayBeTriedAgain() async throws {
        let (stage, server, instance) = try await servingFirst()
        server.die()
        stage.load(two, on: instance)
        guard case .loadFailed(instance, two, let failure) = try await stage.step() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(failure.isRetryable && linked(stage.link) == one)
        await stage.close()
    }

    @Test @LoopActor func aLinkThatIsSomethingElseFailsALoadThatMayBeTriedAgain() async throws {
        let stage = try Stage()
        let server = try FakeRepository(stage, .link)
        try stage.open(server.kind)
        let (instance, _) = try await stage.attached()
        try Stage.makeFolder(stage.link)
        stage.load(one, on: instance)
        guard case .loadFailed(instance, one, let failure) = try await stage.step() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(failure.isRetryable && failure.message.contains("no symbolic link"))
        await stage.close()
        server.die()
    }

    @Test @LoopActor func aLoadThatIsNotBegunIsCalledOff() async throws {
        let (stage, server, instance) = try await servingFirst()
        stage.load(two, on: instance)
        stage.load(three, on: instance)
        stage.router?.release(instance, three)
        #expect(try await stage.step() == .loaded(instance, two, memory: nil))
        guard case .loadFailed(instance, three, let failure) = try await stage.step() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(failure.code == .cancelled)
        #expect(try await stage.step() == .released(instance, three))
        #expect(server.loadCount == 2)
        await stage.close()
        server.die()
    }

    @Test @LoopActor func aServerThatLostTheModelSaysThatItServesNothing() async throws {
        let (stage, server, instance) = try await servingFirst()
        server.forget()
        try await stage.expectReport(of: nil)
        try await stage.serve(one, on: instance, insteadOf: nil)
        await stage.close()
        server.die()
    }
}
