public import Manifest

extension Trust {
    /// Reads a layout, checking size and digest against its manifest before anything else. For the pool: a layout may
    /// have a million chunks.
    /// - Throws: `DocumentError`; whoever sent the bytes is to blame.
    public nonisolated static func layout(
        _ bytes: [UInt8], of manifest: Verified<Manifest>
    ) throws(DocumentError) -> Layout {
        try Layout(bytes, of: manifest.value, sha256: DocumentCrypto.sha256)
    }
}
