import Testing
import Units

@testable import Manifest

/// The documents of the second implementation. The pure floors verify no signature; whoever has `Crypto` can run the
/// same vectors with it. Here the signatures of the accepted documents are known to be valid, and no other is.
@Suite struct VectorTests {
    private static let vectors = Vectors.documents

    private struct Signature: Hashable {
        let bytes: [UInt8]
        let digest: Digest
    }

    private static let known: Set<Signature> = {
        var known: Set<Signature> = []
        for entry in vectors["documents"].list {
            guard let document = try? SignedDocument(decoding: entry["bytes"].bytes) else { continue }
            let digest = document.digest(sha256: SHA256.hash)
            for signature in document.signatures { known.insert(Signature(bytes: signature.bytes, digest: digest)) }
        }
        return known
    }()

    private static let knownOnly = DocumentChecks(
        sha256: SHA256.hash, isValid: { bytes, digest, _ in known.contains(Signature(bytes: bytes, digest: digest)) })

    private static func checks(_ answer: Bool) -> DocumentChecks {
        DocumentChecks(sha256: SHA256.hash, isValid: { _, _, _ in answer })
    }

    private static func root(_ name: String) throws -> Verified<Root> {
        let entry = try #require(vectors["documents"].list.first { $0["name"].text == name })
        let digest = try #require(Digest(hex: entry["digest"].text))
        return try Verified<Root>.pinned(entry["bytes"].bytes, digest: digest, checks: knownOnly)
    }

    /// What a receiver makes of an envelope that it takes for a document of a kind.
    private static func accept(
        _ bytes: [UInt8], kind: String, root name: String, pin: Digest?, checks: DocumentChecks
    ) throws -> (value: any VectorDocument, digest: Digest, signatures: [DocumentSignature]) {
        switch kind {
        case "root":
            let digest = try pin ?? SignedDocument(decoding: bytes).digest(sha256: SHA256.hash)
            let root = try Verified<Root>.pinned(bytes, digest: digest, checks: checks)
            return (root.value, root.digest, root.document.signatures)
        case "manifest":
            let manifest = try Verified<Manifest>.verify(bytes, under: root(name).value, checks: checks)
            return (manifest.value, manifest.digest, manifest.document.signatures)
        case "head":
            let head = try Verified<Head>.verify(bytes, under: root(name).value, checks: checks)
            return (head.value, head.digest, head.document.signatures)
        default:
            let record = try Verified<DenyRecord>.verify(bytes, under: root(name).value, checks: checks)
            return (record.value, record.digest, record.document.signatures)
        }
    }

    private static func parse(_ body: [UInt8], kind: String) throws(DocumentError) -> any VectorDocument {
        switch kind {
        case "root": try Root(body: body, sha256: SHA256.hash)
        case "manifest": try Manifest(body: body)
        case "head": try Head(body: body)
        default: try DenyRecord(body: body)
        }
    }

    @Test func eachDocument_isAccepted_decodesToItsFields_andEncodesToItsBytes() throws {
        let entries = Self.vectors["documents"].list
        #expect(entries.count >= 16)
        for entry in entries {
            let (name, bytes) = (entry["name"].text, entry["bytes"].bytes)
            let pin = try #require(Digest(hex: entry["digest"].text))
            let accepted = try Self.accept(
                bytes, kind: entry["kind"].text, root: entry["root"].text, pin: pin, checks: Self.knownOnly)
            #expect(JSON.object(accepted.value.vectorFields) == entry["fields"], "\(name)")
            #expect(accepted.value.encode() == entry["body"].bytes, "\(name)")
            #expect(accepted.digest == pin, "\(name)")
            let document = try SignedDocument(decoding: bytes)
            #expect(document.encode() == bytes, "\(name)")
            #expect(document.signatures.map { JSON.text($0.keyID.hex) } == entry["signedBy"].list, "\(name)")
            #expect(document.kind.domain == entry["domain"].text)
            #expect(SHA256.hash([document.signingInput]) == pin)
        }
    }

    @Test func aStrangersSignature_isNotKept() throws {
        let entry = try #require(
            Self.vectors["documents"].list.first { $0["name"].text == "head-with-a-stranger's-signature" })
        let root = try Self.root("root-1").value
        let head = try Verified<Head>.verify(entry["bytes"].bytes, under: root, checks: Self.knownOnly)
        #expect(head.document.signatures.count == 1)
        #expect(head.document.signatures.allSatisfy { root.key($0.keyID) != nil })
        #expect(try Verified<Head>.verify(head.envelope, under: root, checks: Self.knownOnly) == head)
    }

    @Test func aChangedBit_atAnOffsetThatMustFail_isNotAccepted() throws {
        for entry in Self.vectors["documents"].list {
            let pin = try #require(Digest(hex: entry["digest"].text))
            for offset in entry["corruptAt"].integers {
                var corrupt = entry["bytes"].bytes
                corrupt[offset] ^= 1 << UInt8(offset % 8)
                #expect(throws: (any Error).self, "\(entry["name"].text) at \(offset)") {
                    try Self.accept(
                        corrupt, kind: entry["kind"].text, root: entry["root"].text, pin: pin, checks: Self.knownOnly)
                }
            }
        }
    }

    @Test func aChangedBit_atAnOffsetOfTheBodyThatMustFail_isNoBody() {
        for entry in Self.vectors["documents"].list {
            for offset in entry["parseCorruptAt"].integers {
                for bit in offset < 60 ? Array(0..<8) : [offset % 8] {
                    var corrupt = entry["body"].bytes
                    corrupt[offset] ^= 1 << UInt8(bit)
                    #expect(throws: DocumentError.self, "\(entry["name"].text), bit \(bit) of byte \(offset)") {
                        try Self.parse(corrupt, kind: entry["kind"].text)
                    }
                }
            }
        }
    }

    @Test func eachDocumentToBeRefused_isRefused_forAReasonThatFits() throws {
        let entries = Self.vectors["refused"].list
        #expect(entries.count >= 150)
        for entry in entries {
            let (name, reason) = (entry["name"].text, entry["reason"].text)
            let refusal: DocumentRefusal
            do {
                let answer = Self.checks(reason != "badSignature")
                _ = try Self.accept(
                    entry["bytes"].bytes, kind: entry["kind"].text, root: entry["root"].text, pin: nil, checks: answer)
                Issue.record("\(name) is accepted")
                continue
            } catch let error as DocumentRefusal {
                refusal = error
            } catch let error as DocumentError {
                refusal = .malformed(error)
            }
            #expect(JSON.bool(refusal.blamesSender) == entry["blamesSender"], "\(name): \(refusal)")
            #expect(Self.fits(refusal, reason), "\(name): \(refusal) for \(reason)")
        }
    }

    private static func fits(_ refusal: DocumentRefusal, _ reason: String) -> Bool {
        switch refusal {
        case .malformed: !["badSignature", "notEntitled", "upgrade", "otherCluster", "newerRoot"].contains(reason)
        case .wrongSignature: reason == "badSignature"
        case .otherCluster: reason == "otherCluster"
        case .unknownFormat: reason == "upgrade"
        // A root that is older than the threshold allows to see is dropped before its version is read.
        case .notEntitled: reason == "notEntitled" || reason == "older"
        case .newerRootNeeded: reason == "newerRoot"
        case .epochTooHigh, .epochWentBack: reason == "outOfRange"
        case .notTheNextRoot: reason == "older" || reason == "newerRoot"
        case .otherDocument: reason == "digestMismatch"
        }
    }

    @Test func eachSuccession_isAcceptedOrRefused_asTheOtherImplementationDoes() throws {
        let entries = Self.vectors["successions"].list
        #expect(entries.count >= 10)
        for entry in entries {
            let (name, reason) = (entry["name"].text, entry["reason"].text)
            let current = try Self.root(entry["current"].text)
            let answer = Self.checks(reason != "badSignature")
            do {
                let next = try current.successor(entry["bytes"].bytes, checks: answer)
                #expect(entry["reason"] == .null, "\(name) is accepted")
                #expect(next.value.version == current.value.version + 1)
            } catch {
                #expect(Self.fits(error, reason), "\(name): \(error) for \(reason)")
            }
        }
    }

    @Test func eachUnion_hasTheSignaturesOfBoth() throws {
        let entries = Self.vectors["unions"].list
        #expect(!entries.isEmpty)
        for entry in entries {
            let root = try Self.root(entry["root"].text).value
            let all = Self.checks(true)
            let first = try Verified<Head>.verify(entry["first"].bytes, under: root, checks: all)
            let second = try Verified<Head>.verify(entry["second"].bytes, under: root, checks: all)
            #expect(first.merging(second).envelope == entry["union"].bytes)
            #expect(second.merging(first).envelope == entry["union"].bytes)
        }
    }
}

@Suite struct LayoutVectorTests {
    private static func manifest(_ name: String) throws -> Manifest {
        let entry = try #require(Vectors.documents["documents"].list.first { $0["name"].text == name })
        return try Manifest(body: entry["body"].bytes)
    }

    @Test func eachLayout_isThatOfItsManifest() throws {
        let entries = Vectors.documents["layouts"].list
        #expect(entries.count >= 3)
        for entry in entries {
            let manifest = try Self.manifest(entry["manifest"].text)
            let bytes = entry["bytes"].bytes
            let layout = try Layout(bytes, of: manifest, sha256: SHA256.hash)
            #expect(JSON.object(layout.vectorFields) == entry["fields"])
            #expect(layout.encode() == bytes)
            #expect(layout.reference(sha256: SHA256.hash) == manifest.layout)
            #expect(manifest.layout.digest.hex == entry["digest"].text)
            #expect(Layout.domain == entry["domain"].text)
            for offset in entry["corruptAt"].integers {
                var corrupt = bytes
                corrupt[offset] ^= 1 << UInt8(offset % 8)
                #expect(throws: DocumentError.self) { try Layout(corrupt, of: manifest, sha256: SHA256.hash) }
            }
            for offset in entry["parseCorruptAt"].integers {
                for bit in 0..<8 {
                    var corrupt = bytes
                    corrupt[offset] ^= 1 << UInt8(bit)
                    #expect(throws: DocumentError.self, "\(entry["name"].text), bit \(bit) of byte \(offset)") {
                        try Layout(decoding: corrupt)
                    }
                }
            }
        }
    }

    @Test func eachLayoutToBeRefused_isRefused_althoughTheManifestNamesItsDigest() throws {
        let entries = Vectors.documents["refusedLayouts"].list
        #expect(entries.count >= 15)
        for entry in entries {
            let bytes = entry["bytes"].bytes
            let claimed = bytes.count < 6 ? 0 : bytes[2..<6].reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
            // Each file has a variant of its own, so that the order is that of the list.
            let variants = entry["files"].list.enumerated().map { index, file in
                Variant(
                    name: Samples.name("v\(index)"),
                    files: [Samples.file(file["path"].text, Int(file["bytes"].integer))])
            }
            let manifest = try Manifest(
                model: Samples.model, tag: Samples.name("v1"), publishNumber: 1, created: Samples.time,
                chunking: .fixed(65_536),
                layout: LayoutReference(
                    digest: Layout.digest(of: bytes, sha256: SHA256.hash), byteCount: UInt32(bytes.count),
                    chunkCount: min(claimed, 1_000)),
                variants: variants)
            let error = #expect(throws: DocumentError.self, "\(entry["name"].text)") {
                try Layout(bytes, of: manifest, sha256: SHA256.hash)
            }
            let reason = entry["reason"].text
            #expect(
                (error?.code == .disagreement) == (reason == "layoutMismatch"),
                "\(entry["name"].text): \(error?.description ?? "")")
            #expect((error?.code == .unknownFormat) == (reason == "upgrade"), "\(entry["name"].text)")
        }
    }
}
