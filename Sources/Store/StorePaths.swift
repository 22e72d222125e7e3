internal import Files
internal import Manifest
internal import Units

/// Where things are below the state folder.
///
/// Names that begin with a dot are the store's own: no model part, variant, tag or digest begins so. All paths are made
/// of checked names, which is why making one cannot fail.
enum StorePaths {
    static let storeFile: StorePath = "store.json"
    static let processFile: StorePath = "agent.pid"
    static let models: StorePath = "models"
    static let staging: StorePath = "staging"
    static let publishPrefix = "publish-"
    static let trashPrefix = "trash-"
    static let recordPrefix = ".record-"
    static let journalPrefix = ".journal-"

    static let folderMode: UInt32 = 0o750
    static let assemblyMode: UInt32 = 0o640
    static let committedMode: UInt32 = 0o440
    static let ownMode: UInt32 = 0o640

    static func model(_ model: ModelName) -> StorePath { path(models.components + model.parts) }
    static func current(_ model: ModelName) -> StorePath { path(self.model(model).components + ["current"]) }
    static func previous(_ model: ModelName) -> StorePath { path(self.model(model).components + [".previous"]) }
    static func versions(_ model: ModelName) -> StorePath { path(self.model(model).components + ["versions"]) }

    static func version(_ model: ModelName, _ digest: Digest) -> StorePath {
        path(versions(model).components + [digest.hex])
    }

    /// The folder of a committed variant.
    static func committed(_ model: ModelName, _ key: VariantKey) -> StorePath {
        path(version(model, key.version).components + [key.variant.text])
    }

    /// The record of a committed variant, beside its folder.
    static func record(_ model: ModelName, _ key: VariantKey) -> StorePath {
        path(version(model, key.version).components + [recordPrefix + key.variant.text])
    }

    static func staging(_ digest: Digest) -> StorePath { inStaging(digest.hex) }
    static func assembly(_ key: VariantKey) -> StorePath { path(staging(key.version).components + [key.variant.text]) }

    static func journal(_ key: VariantKey) -> StorePath {
        path(staging(key.version).components + [journalPrefix + key.variant.text])
    }

    /// Something directly in the staging folder.
    /// - Precondition: `name` is one component.
    static func inStaging(_ name: String) -> StorePath { path(staging.components + [name]) }

    /// A file of a variant whose folder is `folder`.
    static func file(_ file: FilePath, in folder: StorePath) -> StorePath { path(folder.components + file.components) }

    /// What the links `current` and `.previous` say.
    static func linkTarget(_ key: VariantKey) -> String { "versions/\(key.version)/\(key.variant)" }

    /// Nil if the text is not what `linkTarget` writes.
    static func key(ofLinkTarget text: String) -> VariantKey? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "versions", let digest = digest(named: parts[1]),
            let variant = VariantName(parts[2])
        else { return nil }
        return VariantKey(version: digest, variant: variant)
    }

    /// The digest that a folder is named by; nil unless it is in lower case.
    static func digest(named name: some StringProtocol) -> Digest? {
        guard let digest = Digest(hex: name), digest.hex == name else { return nil }
        return digest
    }

    private static func path(_ components: [String]) -> StorePath {
        do {
            return try StorePath(components: components)
        } catch {
            preconditionFailure("a path of checked names: \(error)")
        }
    }
}
