import Control
import EventLoop
import Manifest
import Rollout
import Trust
import Units

/// The controller: looks at the fleet every second, and signs what has to be signed.
struct RolloutRun {
    let channel: ChannelReference
    /// How long after its release a ring switches; nil for at once.
    let flipAfter: Duration?
    let agent: StateOptions
    let keys: KeyOptions
    let output: JSONOption

    private struct Report: Encodable {
        let schema = "shoal.rollout-run/1"
        let model: String
        let channel: String
        let released: Int
        let rings: Int
        let text: String
    }

    /// - Throws: gate failed when the rollout is halted, not there yet when the time has passed.
    func run(until end: Instant?) async throws {
        try await requireKeys()
        var controller = RolloutController()
        var said = ""
        while true {
            let known = try await agent.ask(GetRollout(model: channel.model.text, channel: channel.channel.text))
            guard let head = try Head(hex: known.head), !head.rollout.rings.isEmpty else {
                throw ControlError(
                    .notFound, "\(channel.text) has no rollout", hint: "`shoal promote --rollout` begins one.")
            }
            guard !known.halted else { throw halted("it was halted before") }
            let step = controller.step(head, known.fleet, now: Clock.now())
            let words = words(for: step, head)
            if words != said { say(words, head) }
            said = words
            switch step {
            case .done: return
            case .halt(let why): try await halt(why)
            case .releaseNext: try await release(after: head)
            case .wait: break
            }
            if let end, Clock.now() >= end { throw ControlError(.notYet, "the rollout is not through: \(said)") }
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// Without a key that may deny, a halt would be found out to be impossible when it is needed.
    private func requireKeys() async throws {
        let draft = try await agent.ask(DraftDeny(model: channel.model.text, channel: channel.channel.text))
        let desk = try keys.desk(root: draft.root, cluster: draft.cluster)
        guard desk.may(.promote, for: channel.model), desk.may(.deny, for: channel.model) else {
            throw ControlError(
                .notAllowed, "no key here may both move and halt \(channel.text)",
                hint: "A rollout needs an operator's key: promote and deny. Name its folder with --keys.")
        }
    }

    private func say(_ words: String, _ head: Head) {
        let report = Report(
            model: channel.model.text, channel: channel.channel.text, released: head.rollout.releasedCount,
            rings: head.rollout.rings.count, text: words)
        Terminal.print(output.json ? String(decoding: ControlJSON.encode(report), as: UTF8.self) : words)
    }

    private func words(for step: RolloutStep, _ head: Head) -> String {
        let count = head.rollout.rings.count
        switch step {
        case .wait(let what): return "\(channel.text): \(what)"
        case .releaseNext: return "\(channel.text): ring \(head.rollout.releasedCount + 1) of \(count) may switch now"
        case .halt(let why): return "\(channel.text): \(why)"
        case .done: return "\(channel.text): all \(count) rings serve the version"
        }
    }

    /// Signs the head that lets one ring more switch. If somebody else was faster, the next look shows it.
    private func release(after head: Head) async throws {
        do {
            _ = try await HeadMove(
                model: channel.model, version: head.version.hex, channel: channel.channel, agent: agent, keys: keys
            ).run(requiringKey: true) { ground in
                guard let newest = ground.head, newest.rank == head.rank, !ground.draft.halted else { return nil }
                return newest.rollout.releasingNext(flipAt: flipAfter.map { Clock.wallTime() + $0 })
            }
        } catch let error as ControlError where error.exit == .tryAgain {
            Terminal.printError("shoal: \(error)")
        }
    }

    private func halt(_ why: String) async throws {
        _ = try await DenyMove(
            question: DraftDeny(model: channel.model.text, channel: channel.channel.text), state: .denied,
            agent: agent, keys: keys
        ).run()
        throw halted(why)
    }

    private func halted(_ why: String) -> ControlError {
        ControlError(
            .gateFailed, "\(channel.text) is halted: \(why)",
            hint: "`shoal nodes` says why; `shoal rollback \(channel.text)` goes back for good.")
    }
}
