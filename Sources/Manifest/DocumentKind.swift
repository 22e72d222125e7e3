import Units

/// The kinds of signed documents. The number is the one in the envelope.
public enum DocumentKind: UInt8, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    /// Keys, rights, thresholds and the CA.
    case root = 1
    /// What a version is.
    case manifest = 2
    /// Which version a channel names.
    case head = 3
    /// What is shut out.
    case deny = 4

    /// What the digest begins with, so that bytes signed as one kind are never taken for another.
    public var domain: String { "shoal/1 \(self)" }

    /// The largest envelope.
    public var byteCountMax: Int {
        switch self {
        case .root: Limits.rootByteCountMax
        case .manifest: Limits.manifestByteCountMax
        case .head, .deny: Limits.smallDocumentByteCountMax
        }
    }

    /// The right that its signers need.
    public var right: Right {
        switch self {
        case .root: .root
        case .manifest: .publish
        case .head: .promote
        case .deny: .deny
        }
    }

    /// `root`, `manifest`, `head` or `deny`.
    public var description: String {
        switch self {
        case .root: "root"
        case .manifest: "manifest"
        case .head: "head"
        case .deny: "deny"
        }
    }
}
