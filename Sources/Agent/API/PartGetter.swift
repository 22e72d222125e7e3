internal import Control
internal import EventLoop
internal import Glibc
internal import Manifest
internal import Store
internal import Swarm
internal import Trust
internal import Units

/// `shoal get --include`: some files of a version, which the command copies from where they came to be.
@LoopActor
struct PartGetter {
    let agent: Agent
    let progress: ControlServer.ProgressSink

    private static let progressInterval = Duration.milliseconds(100)
    private var versions: VersionGetter { VersionGetter(agent: agent, progress: progress) }

    func get(_ request: GetPart) async throws(ControlError) -> GetPart.Reply {
        let seconds = min(max(0, request.waitSeconds ?? Self.usualSeconds), Limits.waitSecondsMax)
        let deadline = Clock.now() + .seconds(seconds)
        let manifest = try await versions.find(
            request.model, request.version, request.channel, until: request.waitSeconds == nil ? nil : deadline)
        let variant = agent.library.variant(of: manifest)
        let files = try chosen(request.include, of: manifest, variant)
        let folder =
            if let here = agent.store.committed(VariantKey(version: manifest.digest, variant: variant)) {
                here.folder
            } else {
                try await fetch(files, of: manifest, variant, until: deadline)
            }
        return GetPart.Reply(
            model: manifest.value.model.text, version: manifest.digest.hex, tag: manifest.value.tag.text,
            variant: variant.text, path: folder, files: files.map(\.path.text),
            bytes: files.reduce(0) { $0 + $1.byteCount.value })
    }

    func end(_ request: EndPart) async -> Done {
        if let version = Digest(hex: request.version) { await agent.partFetches.end(version) }
        return Done()
    }

    private static let usualSeconds = 3600

    private func chosen(
        _ patterns: [String], of manifest: Verified<Manifest>, _ variant: VariantName
    ) throws(ControlError) -> [FileEntry] {
        let files = manifest.value.variant(variant)?.files ?? []
        let chosen = files.filter { file in
            patterns.contains { pattern in unsafe fnmatch(pattern, file.path.text, 0) == 0 }
        }
        guard !chosen.isEmpty else {
            throw ControlError(
                .notFound, "no file of \(manifest.value.model)@\(manifest.value.tag) is called so",
                hint: "`shoal show` lists them. Patterns are a shell's; quote them.")
        }
        return chosen
    }

    private func fetch(
        _ files: [FileEntry], of manifest: Verified<Manifest>, _ variant: VariantName, until deadline: Instant
    ) async throws(ControlError) -> String {
        do {
            let layout = try await versions.layout(of: manifest)
            let folder = try await agent.partFetches.begin(manifest, layout, variant: variant, files: files)
            do {
                try await wait(for: manifest, until: deadline)
                // Nobody is there any more who would copy it.
                try Task.checkCancellation()
            } catch {
                await agent.partFetches.end(manifest.digest)
                throw error
            }
            return folder
        } catch let error as ControlError {
            throw error
        } catch let error as StoreError {
            throw error.controlError
        } catch {
            throw ControlError(.failed, "\(error)")
        }
    }

    private func wait(for manifest: Verified<Manifest>, until deadline: Instant) async throws(ControlError) {
        let (digest, model) = (manifest.digest, manifest.value.model)
        // Also if it was removed, or published here meanwhile.
        while let isComplete = agent.partFetches.isComplete(digest) {
            guard !agent.trust.denyList.isDenied(digest, of: model) else { break }
            if isComplete { return }
            guard Clock.now() < deadline else {
                throw ControlError(
                    .notYet, "the files are not complete yet", hint: "Try again, or with a longer --wait.")
            }
            let report = agent.driver.core.versionReport(digest, now: Clock.now())
            progress(
                ControlProgress(
                    stage: "fetching", done: report?.heldByteCount ?? 0, total: report?.neededByteCount ?? 0))
            try await pause(Self.progressInterval)
        }
        throw ControlError(
            .tryAgain, "\(model)@\(manifest.value.tag) was denied, removed or published here meanwhile",
            hint: "Ask again for what is left of it.")
    }
}
