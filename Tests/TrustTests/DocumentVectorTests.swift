import FoundationEssentials
import Manifest
import Testing
import Units

@testable import Trust

/// The documents of the second implementation, with real signatures and real hashes.
@Suite struct DocumentVectorTests {
    private struct Vectors: Decodable {
        struct Document: Decodable {
            let name, kind, digest, bytes: String
            let root: String?
            let corruptAt: [Int]
        }
        struct Refused: Decodable {
            let name, kind, reason, bytes: String
            let root: String?
            let blamesSender: Bool
        }
        struct Succession: Decodable {
            let name, current, bytes: String
            let reason: String?
        }
        let documents: [Document]
        let refused: [Refused]
        let successions: [Succession]

        static func read() throws -> Vectors {
            let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "Protocol/vectors/documents.json").path()
            return try JSONDecoder().decode(
                Vectors.self, from: try required(FileManager.default.contents(atPath: path)))
        }
    }

    private let vectors: Vectors
    private let roots: [String: Verified<Root>]

    init() throws {
        vectors = try Vectors.read()
        var roots: [String: Verified<Root>] = [:]
        for document in vectors.documents where document.kind == "root" {
            let digest = try required(Digest(hex: document.digest))
            let bytes = try required(Hex.decode(document.bytes))
            roots[document.name] = try Verified.pinned(bytes, digest: digest, checks: DocumentCrypto.checks)
        }
        self.roots = roots
    }

    /// The digest of what is accepted. A root is pinned by `pin`, or by its own digest.
    private func accept(_ bytes: [UInt8], kind: String, root name: String?, pin: Digest? = nil) throws -> Digest {
        let checks = DocumentCrypto.checks
        guard kind != "root" else {
            let digest = try pin ?? SignedDocument(decoding: bytes).digest(sha256: checks.sha256)
            return try Verified<Root>.pinned(bytes, digest: digest, checks: checks).digest
        }
        let root = try required(roots[name ?? ""]).value
        return switch kind {
        case "manifest": try Verified<Manifest>.verify(bytes, under: root, checks: checks).digest
        case "head": try Verified<Head>.verify(bytes, under: root, checks: checks).digest
        default: try Verified<DenyRecord>.verify(bytes, under: root, checks: checks).digest
        }
    }

    @Test func eachDocument_isAcceptedWithItsRealSignatures() throws {
        #expect(vectors.documents.count >= 16)
        for document in vectors.documents {
            let bytes = try required(Hex.decode(document.bytes))
            let digest = try accept(bytes, kind: document.kind, root: document.root, pin: Digest(hex: document.digest))
            #expect(digest.hex == document.digest, "\(document.name)")
        }
    }

    @Test func aChangedBit_isNotAccepted() throws {
        for document in vectors.documents {
            let pin = Digest(hex: document.digest)
            for offset in document.corruptAt {
                var bytes = try required(Hex.decode(document.bytes))
                bytes[offset] ^= 1 << UInt8(offset % 8)
                #expect(throws: (any Error).self, "\(document.name) at \(offset)") {
                    try accept(bytes, kind: document.kind, root: document.root, pin: pin)
                }
            }
        }
    }

    @Test func eachDocumentToBeRefused_isRefused_andBlamesWhomThePageSays() throws {
        #expect(vectors.refused.count >= 150)
        for document in vectors.refused {
            let bytes = try required(Hex.decode(document.bytes))
            do {
                _ = try accept(bytes, kind: document.kind, root: document.root)
                Issue.record("\(document.name) is accepted")
            } catch let refusal as DocumentRefusal {
                #expect(refusal.blamesSender == document.blamesSender, "\(document.name): \(refusal)")
                if case .wrongSignature = refusal {
                    #expect(document.reason == "badSignature", "\(document.name)")
                } else {
                    #expect(document.reason != "badSignature", "\(document.name): \(refusal)")
                }
            } catch {
                #expect(error is DocumentError && document.kind == "root", "\(document.name): \(error)")
            }
        }
    }

    @Test func eachSuccession_isAcceptedOrRefused_asTheOtherImplementationDoes() throws {
        #expect(vectors.successions.count >= 12)
        for succession in vectors.successions {
            let current = try required(roots[succession.current])
            let bytes = try required(Hex.decode(succession.bytes))
            do throws(DocumentRefusal) {
                let next = try current.successor(bytes, checks: DocumentCrypto.checks)
                #expect(succession.reason == nil, "\(succession.name) is accepted")
                #expect(next.value.version == current.value.version + 1)
                #expect(next.document.signatures.count == 2, "only those of listed keys are kept")
            } catch {
                #expect(succession.reason != nil, "\(succession.name): \(error)")
                if succession.reason == "badSignature" { #expect(error.blamesSender, "\(succession.name)") }
            }
        }
    }
}
