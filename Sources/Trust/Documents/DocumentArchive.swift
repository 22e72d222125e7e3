internal import Manifest
internal import Units

/// `<state>/documents/`: envelopes as they were received and verified, one file each, replaced atomically.
struct DocumentArchive: Sendable {
    /// The folders, to be made in a new state folder.
    static let folders = ["root", "heads", "deny", "manifests", "layouts"].map { "documents/\($0)" }

    /// What holds documents that are loaded when an agent starts.
    enum Folder: String {
        case heads, deny, manifests
        var path: String { "documents/\(rawValue)" }

        fileprivate var byteCountMax: Int {
            self == .manifests ? Limits.manifestByteCountMax : Limits.smallDocumentByteCountMax
        }
    }

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
            guard let version = UInt32(name.dropLast(4)),
                let bytes = try files.readBytes(at: "documents/root/\(name)", atMost: Limits.rootByteCountMax)
            else { continue }
            found.append((version, bytes))
        }
        return found.sorted { $0.version < $1.version }
    }

    /// Removes all roots: they are of a cluster that was never joined.
    func removeRoots() throws(TrustError) {
        for name in try files.list("documents/root") { try files.remove("documents/root/\(name)") }
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
        try files.write(bytes, at: path(ofLayout: digest), mode: 0o640)
    }

    /// Nil if it is not kept.
    func layout(_ digest: Digest) throws(TrustError) -> [UInt8]? {
        try files.readBytes(at: path(ofLayout: digest), atMost: Limits.layoutByteCountMax)
    }

    func removeManifest(_ digest: Digest) throws(TrustError) { try files.remove(path(ofManifest: digest)) }

    func removeLayout(_ digest: Digest) throws(TrustError) { try files.remove(path(ofLayout: digest)) }

    /// All envelopes of one folder. They were verified when they came; whoever loads them verifies them again.
    func envelopes(_ folder: Folder) throws(TrustError) -> [(path: String, bytes: [UInt8])] {
        var found: [(path: String, bytes: [UInt8])] = []
        for name in try files.list(folder.path) where name.hasSuffix(".doc") {
            let path = "\(folder.path)/\(name)"
            if let bytes = try files.readBytes(at: path, atMost: folder.byteCountMax) { found.append((path, bytes)) }
        }
        return found
    }

    // A model's slashes become plus signs, which no name contains.
    private func flat(_ model: ModelName) -> String { model.parts.joined(separator: "+") }

    private func path(of channel: ModelChannel) -> String {
        "documents/heads/\(flat(channel.model)):\(channel.channel).doc"
    }

    private func path(ofManifest digest: Digest) -> String { "documents/manifests/\(digest).doc" }

    private func path(ofLayout digest: Digest) -> String { "documents/layouts/\(digest).layout" }

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
