import EventLoop
import Handoff
import Testing
import Units

@Suite(.serialized) struct CommandAdapterTests {
    @LoopActor private func loadFailure(_ script: String, deadline: Duration = .seconds(5))
        async throws -> HandoffFailure
    {
        let stage = try Stage()
        try stage.open(.exec(CommandServer(command: ["/bin/sh", "-c", script])))
        let (instance, _) = try await stage.attached()
        let load = HandoffLoad(digest: one, tag: nil, path: stage.path(one), deadline: deadline)
        stage.router?.load(instance, load)
        guard case .loadFailed(instance, one, let failure) = try await stage.step() else {
            throw Unexpected(what: "no loadFailed")
        }
        await stage.close()
        return failure
    }

    @Test @LoopActor func exitCodesSayWhetherItIsTriedAgain() async throws {
        let later = try await loadFailure(
            #"test "$SHOAL_VERB" = hello || { echo "not now" >&2; exit 75; }"#)
        #expect(later.isRetryable && later.message.contains("not now"))
        let never = try await loadFailure(
            #"test "$SHOAL_VERB" = hello || { echo "bad files" >&2; exit 3; }"#)
        #expect(
            !never.isRetryable && never.message.contains("bad files")
                && never.message.contains("exit code 3"))
    }

    @Test @LoopActor func theFirstLineMayBeTheReply() async throws {
        let reply =
            #"{"ok":false,"error":{"code":"out_of_memory","message":"no room","retryable":false}}"#
        let failure = try await loadFailure(#"test "$SHOAL_VERB" = hello || echo '"# + reply + "'")
        #expect(failure.code == .outOfMemory && failure.message == "no room")
    }

    @Test @LoopActor func aCommandThatTakesTooLongIsEnded() async throws {
        let start = Clock.now()
        let failure = try await loadFailure(
            #"test "$SHOAL_VERB" = hello || sleep 60"#, deadline: .milliseconds(300))
        #expect(failure.code == .deadlineExceeded && Clock.now() - start < .seconds(10))
    }

    @Test @LoopActor func whatTheCommandSaysIsActiveGoesBeforeTheLink() async throws {
        let stage = try Stage()
        let hello = #"{"active":{"digest":"\#(two)"},"resident":["\#(two)"],"runtime":"mine/2"}"#
        try stage.open(.exec(CommandServer(command: ["/bin/sh", "-c", "echo '\(hello)'"])))
        let (_, said) = try await stage.attached()
        #expect(said.active == two && said.resident == [two] && said.runtime == "mine/2")
        await stage.close()
    }

    @Test @LoopActor func aSwitchThatFailsMovesTheLinkBack() async throws {
        let stage = try Stage()
        let script = #"test "$SHOAL_VERB" != activate || test "$SHOAL_DIGEST" = \#(one)"#
        try stage.open(.exec(CommandServer(command: ["/bin/sh", "-c", script])))
        let (instance, _) = try await stage.attached()
        try await stage.serve(one, on: instance, insteadOf: nil)
        #expect(linked(stage.link) == one)
        stage.load(two, on: instance)
        #expect(try await stage.step() == .loaded(instance, two, memory: nil))
        stage.router?.activate(instance, two, tag: nil, expecting: one)
        guard case .activateFailed(instance, two, _) = try await stage.step() else {
            throw Unexpected(what: "no activateFailed")
        }
        #expect(linked(stage.link) == one)
        await stage.close()
    }

    @Test @LoopActor func anAgentThatEndsWaitsForNoCommand() async throws {
        let stage = try Stage()
        try stage.open(
            .exec(CommandServer(command: ["/bin/sh", "-c", #"test "$SHOAL_VERB" = hello || sleep 60"#])))
        let (instance, _) = try await stage.attached()
        stage.load(one, on: instance)
        try await Task.sleep(for: .milliseconds(200))
        let start = Clock.now()
        await stage.close()
        #expect(Clock.now() - start < .seconds(5))
    }
}
