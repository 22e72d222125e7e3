internal import Manifest
internal import Units

/// `<state>/documents/`: envelopes as they were received and verified, one file each, replaced atomically.
struct DocumentArchive: Sendable {
    private let files: StateFolder

    init(_ files: StateFolder) { self.files = files }

    // MARK: Roots

    func save(root envelope: [UInt8], version: UInt32) throws(TrustError) {
        try files.write(envelope, at: "documents/root/\(version).doc", mode: 0o640)
    }

    /// Every version that is kept, ascending.
    func roots() throws(TrustError) -> [(version: UInt32, envelope: [UInt8])] {
        var found: [(version: UInt32, envelope: [UInt8])] = []
        for name in try files.list("documents/root") where name.hasSuffix(".doc") {
            guard let version = UInt32(name.dropLast(4)) else { continue }
            guard let bytes = try files.readBytes(at: "documents/root/\(name)", atMost: Limits.rootByteCountMax) else { continue }
            found.append((version, bytes))
        }
        return found.sorted { $0.version < $1.version }
    }

    // MARK: The others

    func save(_ head: Verified<Head>) throws(TrustError) {
        try files.write(head.envelope, at: path(of: head.value.channel), mode: 0o640)
    }

    func save(_ record: Verified<DenyRecord>) throws(TrustError) {
        try files.write(record.envelope, at: path(of: record.value.subject), mode: 0o640)
    }

    func save(_ manifest: Verified<Manifest>) throws(TrustError) {
        try files.write(manifest.envelope, at: path(ofManifest: manifest.digest), mode: 0o640)
    }

    func save(layout bytes: [UInt8], digest: Digest) throws(TrustError) {
        try files.write(bytes, at: "documents/layouts/\(digest).layout", mode: 0o640)
    }

    /// Nil if it is not kept.
    func layout(_ digest: Digest) throws(TrustError) -> [UInt8]? {
        try files.readBytes(at: "documents/layouts/\(digest).layout", atMost: Limits.layoutByteCountMax)
    }

    func removeManifest(_ digest: Digest, layout: Digest) throws(TrustError) {
        try files.remove(path(ofManifest: digest))
        try files.remove("documents/layouts/\(layout).layout")
    }

    /// All envelopes of one folder. They were verified when they came; whoever loads them verifies them again.
    func envelopes(_ folder: Folder) throws(TrustError) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for name in try files.list(folder.path) where name.hasSuffix(".doc") {
            if let bytes = try files.readBytes(at: "\(folder.path)/\(name)", atMost: Limits.manifestByteCountMax) {
                found.append(bytes)
            }
        }
        return found
    }

    enum Folder: String {
        case heads, deny, manifests
        var path: String { "documents/\(rawValue)" }
    }

    // A model's slashes become plus signs, which no name contains.
    private func flat(_ model: ModelName) -> String { model.parts.joined(separator: "+") }

    private func path(of channel: ModelChannel) -> String { "documents/heads/\(flat(channel.model)):\(channel.channel).doc" }

    private func path(ofManifest digest: Digest) -> String { "documents/manifests/\(digest).doc" }

    private func path(of subject: DenySubject) -> String {
        let name =
            switch subject {
            case .node(let node): "node-\(node)"
            case .version(let model, let version): "version-\(version)-\(flat(model))"
            case .channel(let channel): "channel-\(flat(channel.model)):\(channel.channel)"
            }
        return "documents/deny/\(name).doc"
    }
}
