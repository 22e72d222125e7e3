import Crypto
import Manifest
import Testing
import Units

/// A version with two variants of one file each.
struct TwoVariants {
    let manifest: Verified<Manifest>
    let layout: Layout
    let large: VariantName
    let small: VariantName
    let largeBytes = noise(100, seed: 1)
    let smallBytes = noise(50, seed: 2)

    init() throws {
        large = try #require(VariantName("large"))
        small = try #require(VariantName("small"))
        var builder = LayoutBuilder()
        var variants: [Variant] = []
        for (name, bytes) in [(large, largeBytes), (small, smallBytes)] {
            builder.append(SHA256.hash(bytes), byteCount: bytes.count)
            builder.endFile()
            let path = try #require(FilePath("model.bin"))
            let file = FileEntry(path: path, byteCount: ByteCount(bytes.count), digest: SHA256.hash(bytes))
            variants.append(Variant(name: name, files: [file]))
        }
        layout = try builder.finish()
        manifest = try verified(
            Manifest(
                model: #require(ModelName("pair")), tag: #require(Tag("one")), publishNumber: 1,
                created: WallTime(secondsSince1970: 1), chunking: .fixed(65_536),
                layout: layout.reference(sha256: sha256), variants: variants))
    }
}
