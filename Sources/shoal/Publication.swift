import Control
import EventLoop
import Manifest
import Store
import Trust
import Units

/// One run of `shoal seed`: stage, sign, have the agent adopt, move the channel. Each step
/// may find that an earlier run did it.
struct Publication {
    let names: PublicationNames
    /// The version that this one came from; nil for what the channel names.
    let parent: String?
    let plans: [PublishPlan]
    let lineage: [Note]
    let gates: [Note]
    let agent: StateOptions
    let keys: KeyOptions

    /// Makes the version durable on this node.
    /// - Throws: `ControlError`, with the exit code.
    func publish() async throws -> FetchedVersion {
        do { return try await run() } catch { throw Self.reported(error) }
    }

    private func run() async throws -> FetchedVersion {
        let known = try await agent.ask(
            PreparePublication(
                model: names.model.text, tag: names.tag.text, parent: parent, channel: names.channel.text))
        let desk = try openDesk(known.root, cluster: known.cluster)
        let progress = ProgressLine()
        defer { Task { await progress.finish() } }
        if !known.manifest.isEmpty {
            let manifest = try PublisherDesk.manifest(try bytes(known.manifest))
            try await requireSameFiles(as: manifest, progress)
            try requireSameGates(as: manifest)
            guard !known.local else { return try await alreadyHere() }
            return try await stage(.exactly(manifest.chunking), progress) { _ in known.manifest }
        }
        let parentManifest =
            known.parentManifest.isEmpty ? nil : try PublisherDesk.manifest(try bytes(known.parentManifest))
        return try await stage(.fitting(parent: parentManifest?.chunking), progress) { staged in
            let manifest = try Manifest(
                model: names.model, tag: names.tag, publishNumber: known.nextPublishNumber, created: Clock.wallTime(),
                chunking: staged.chunking, layout: PublisherDesk.reference(to: staged.layout),
                variants: staged.variants, parent: Digest(hex: known.parent), lineage: lineage, gates: gates)
            return Hex.encode(try desk.sign(manifest).encode())
        }
    }

    /// Lets this node follow the channel too, so that one node alone serves what it published.
    func follow() async throws {
        _ = try await agent.ask(SetFollow(model: names.model.text, channel: names.channel.text, follow: true))
    }

    /// Moves the channel to the version. False if no key here may do that.
    func promote(_ version: FetchedVersion) async throws -> Bool {
        try await HeadMove(
            model: names.model, version: version.version, channel: names.channel, agent: agent, keys: keys
        ).run(requiringKey: false) { ground in
            try ground.requireRunning(names.channel, of: names.model)
            guard ground.isPending else { return ground.planForAll() }
            // Whoever publishes again what is on its way in rings does not want it everywhere at once.
            if ground.head?.version == ground.version { return nil }
            throw ControlError(
                .notAllowed, "a rollout of \(names.model):\(names.channel) is under way, so the channel stays",
                hint: "The version is published: `shoal promote` moves the channel, --channel names another one.")
        }
    }

    private func openDesk(_ root: String, cluster: String) throws(ControlError) -> PublisherDesk {
        let desk = try keys.desk(root: root, cluster: cluster)
        guard desk.may(.publish, for: names.model) else {
            throw ControlError(
                .notAllowed, "no key here may publish \(names.model); name another folder with --keys")
        }
        return desk
    }

    func bytes(_ hex: String) throws(ControlError) -> [UInt8] {
        guard let bytes = Hex.decode(hex) else { throw ControlError(.failed, "the agent's answer is not hexadecimal") }
        return bytes
    }

    func requireSameFiles(as manifest: Manifest, _ progress: ProgressLine) async throws {
        guard try await Publisher.areEqual(plans, manifest.variants, onProgress: show(progress, "comparing")) else {
            throw ControlError(
                .failed, "\(names.model)@\(names.tag) was published with other files",
                hint: "A version never changes: choose another --version.")
        }
    }

    /// Whoever gives other gates expects them to hold; they cannot, since a version never changes.
    private func requireSameGates(as manifest: Manifest) throws(ControlError) {
        guard manifest.gates != gates else { return }
        let signed = manifest.gates.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
        throw ControlError(
            .failed, "\(names.model)@\(names.tag) was published with other gates: \(signed.isEmpty ? "none" : signed)",
            hint: "A version never changes: give the same gates, or choose another --version.")
    }

    private func alreadyHere() async throws -> FetchedVersion {
        let request = GetVersion(
            model: names.model.text, version: names.tag.text, channel: nil, waitSeconds: nil, wait: true)
        return try await agent.ask(request)
    }

    private func stage(
        _ cutting: CuttingChoice, _ progress: ProgressLine, manifest: (StagedVersion) throws -> String
    ) async throws -> FetchedVersion {
        let publisher = try await Publisher.begin(stateFolder: agent.statePath)
        do {
            let staged = try await publisher.stage(
                plans, cutting: cutting, onProgress: show(progress, "publishing"))
            for remark in staged.remarks { Terminal.printError("\(remark); it is cut by its content instead") }
            try PublisherDesk.deposit(staged.layout, statePath: agent.statePath)
            return try await agent.ask(AdoptPublication(staging: staged.staging, manifest: try manifest(staged)))
        } catch {
            await publisher.discard()
            throw error
        }
    }

    func show(_ progress: ProgressLine, _ stage: String) -> @LoopActor (ByteCount) -> Void {
        let total = plans.byteCount.value
        return { progress.show(ControlProgress(stage: stage, done: $0.value, total: total)) }
    }

    static func reported(_ error: any Error) -> any Error {
        switch error {
        case let error as StoreError: error.asControlError
        case let error as TrustError: error.asControlError
        case let error as DocumentError: ControlError(.failed, "this cannot be published: \(error)")
        default: error
        }
    }
}
