internal import Control
internal import EventLoop
internal import Manifest
internal import Store
internal import Trust
internal import Units

/// Versions in the words of the control API.
@LoopActor
struct VersionDescriber {
    let agent: Agent

    func summary(of manifest: Verified<Manifest>) -> VersionSummary {
        let value = manifest.value
        let entry = agent.library.entries[manifest.digest]
        let channels = agent.trust.heads.values
            .filter { $0.value.version == manifest.digest && $0.value.channel.model == value.model }
        return VersionSummary(
            model: value.model.text, version: manifest.digest.hex, tag: value.tag.text,
            publishNumber: value.publishNumber,
            created: value.created.description, bytes: value.byteCount.value, files: value.fileCount,
            local: entry?.phase == .ready, current: agent.store.current(value.model)?.version == manifest.digest,
            channels: channels.map { $0.value.channel.channel.text }.sorted(),
            denied: agent.trust.denyList.isDenied(manifest.digest, of: value.model),
            ambiguousTag: VersionResolver(trust: agent.trust).isAmbiguous(manifest))
    }

    func detail(of manifest: Verified<Manifest>) -> VersionDetail {
        let value = manifest.value
        let variants = value.variants.map { variant in
            VariantDetail(
                name: variant.name.text,
                files: variant.files.map { .init(path: $0.path.text, bytes: $0.byteCount.value, sha256: $0.digest.hex) }
            )
        }
        return VersionDetail(
            summary: summary(of: manifest), chunks: Int(value.layout.chunkCount),
            chunkBytes: Int(value.chunking.largest),
            signedBy: manifest.document.signatures.map { String($0.keyID.hex.prefix(16)) }, variants: variants,
            path: folder(of: manifest.digest), parent: value.parent?.hex ?? "",
            lineage: Dictionary(value.lineage.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first }))
    }

    /// The version's folder; empty while it is not complete here.
    func folder(of version: Digest) -> String {
        agent.library.entries[version].flatMap { agent.store.committed($0.key)?.folder } ?? ""
    }

    /// What `get` and `seed` answer.
    func fetched(_ entry: LibraryEntry) -> FetchedVersion {
        FetchedVersion(
            model: entry.model.text, version: entry.digest.hex, tag: entry.manifest?.value.tag.text ?? "",
            variant: entry.variant.text, path: folder(of: entry.digest),
            bytes: entry.manifest?.value.variant(entry.variant)?.byteCount.value ?? 0, complete: entry.phase == .ready)
    }
}
