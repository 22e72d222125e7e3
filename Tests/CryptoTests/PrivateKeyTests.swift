import Testing
import Units

@testable import Crypto

@Suite struct PrivateKeyTests {
    let digest = SHA256.hash(Array("a document".utf8))

    @Test func signature_isAccepted_overItsDigestAndUnderItsKeyOnly() throws {
        let key = try PrivateKey.generate()
        let signature = try key.sign(digest)
        #expect(key.publicKey.verify(signature, over: digest))
        #expect(!key.publicKey.verify(signature, over: SHA256.hash([])))
        #expect(try !PrivateKey.generate().publicKey.verify(signature, over: digest))
    }

    @Test func signature_withAnyBitFlipped_isRefused() throws {
        let key = try PrivateKey.generate()
        let signature = try key.sign(digest)
        for position in signature.indices {
            var broken = signature
            broken[position] ^= 1 << UInt8(position % 8)
            #expect(!key.publicKey.verify(broken, over: digest), "byte \(position)")
        }
    }

    /// One key that is ready for use serves all threads at once.
    @Test func verifier_saysOfEachSignatureWhetherItIsGood_onAnyThread() async throws {
        let key = try PrivateKey.generate()
        let verifier = try #require(SignatureVerifier(key.publicKey))
        let signatures = try (0..<40).map { try ($0, key.sign(SHA256.hash([UInt8($0 / 2)]))) }
        await withTaskGroup(of: Bool.self) { group in
            for (number, signature) in signatures {
                // Every second one is held against another document's digest.
                let digest = SHA256.hash([UInt8(number / 2 + number % 2)])
                group.addTask { verifier.verify(signature, over: digest) == (number % 2 == 0) }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test func signature_inLooseEncoding_isRefused() throws {
        let key = try PrivateKey.generate()
        let signature = try key.sign(digest)
        #expect(!key.publicKey.verify(signature + [0], over: digest))
        #expect(!key.publicKey.verify(Array(signature.dropLast()), over: digest))
        #expect(!key.publicKey.verify([], over: digest))
        // The first integer with a zero byte that it does not need.
        var padded = signature
        padded[1] += 1
        padded[3] += 1
        padded.insert(0, at: 4)
        #expect(!key.publicKey.verify(padded, over: digest))
        // The sequence's length in the long form.
        var long = signature
        long.insert(0x81, at: 1)
        #expect(!key.publicKey.verify(long, over: digest))
    }

    @Test func signature_withHighS_isAccepted() throws {
        let key = try PrivateKey.generate()
        // Of 64 signatures about half have s above n / 2; none is refused for it.
        let signatures = try (0..<64).map { _ in try key.sign(digest) }
        #expect(signatures.allSatisfy { key.publicKey.verify($0, over: digest) })
        #expect(Set(signatures.map(\.count)).count > 1)
    }

    @Test func pem_ofAKey_isReadAsTheSameKey() throws {
        let key = try PrivateKey.generate()
        let pem = key.pem
        #expect(pem.hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
        let again = try PrivateKey(pem: pem)
        #expect(again.publicKey == key.publicKey)
        #expect(again.pem == pem)
        #expect(key.publicKey.verify(try again.sign(digest), over: digest))
    }

    @Test(arguments: [p384Key, encryptedKey, "", "-----BEGIN PRIVATE KEY-----\n", String(repeating: "x", count: 5000)])
    func pem_ofAnythingElse_isRefused(pem: String) {
        #expect(throws: CryptoError.self) { try PrivateKey(pem: pem) }
    }

    @Test func description_ofAPrivateKey_hidesTheSecret() throws {
        let key = try PrivateKey.generate()
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!dumped.contains("der"))
        #expect("\(key)" == "private key of \(key.publicKey.keyID)")
    }

    @Test func spki_ofAKey_isReadAsTheSameKey_andGivesItsIds() throws {
        let key = try PrivateKey.generate().publicKey
        let again = try PublicKey(spki: key.spki)
        #expect(again == key)
        #expect(again.keyID == SHA256.hash(key.spki))
        #expect(again.nodeID.bytes == Array(again.keyID.bytes.prefix(16)))
    }

    @Test func spki_changedOrCut_isRefused() throws {
        let spki = try PrivateKey.generate().publicKey.spki
        for position in spki.indices {
            var broken = spki
            broken[position] ^= 1
            #expect(throws: CryptoError.self, "byte \(position)") { try PublicKey(spki: broken) }
        }
        #expect(throws: CryptoError.self) { try PublicKey(spki: Array(spki.dropLast())) }
        #expect(throws: CryptoError.self) { try PublicKey(spki: spki + [0]) }
        #expect(throws: CryptoError.self) { try PublicKey(spki: []) }
    }

    /// P-384, and P-256 under a password. Made with `openssl genpkey`, for this test only.
    static let p384Key = """
        -----BEGIN PRIVATE KEY-----
        MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDmGDfQNsEWEQZUY6gx
        dM2wry0XEhCZ4OL9OUXjiJvW4d03m4akYGT1tRLxwNUIW3uhZANiAATz3b0fov43
        W4xJS0e8PZ/UFglcohou451MSm+vZWOb9MO8P60WYDDZPUNDVVMNbxUKE7WkEVui
        4n3m8NO4XHcAz9vnXs4Fd7GQe7nQA2k+hZx/XmRjmjB1dUjyZUe5ni8=
        -----END PRIVATE KEY-----

        """
    static let encryptedKey = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhv8GIrnokLHQICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEHJI/b92UMoGAAbAs91ePYkEgZDQ
        tOQ7EmfMtw4WG0aWd7KVyD4XsyCjXB69NdpFi/Xei5KSEv2Am4l4gQAXHLif+zXy
        tstMwT6N9m6YaO0ibCwMFc9Fx9PXxIkVUwOXEN/5Zo8JA4V4SfufjD3d/T1E/yGJ
        CoZmJEE7D+WW3OZ+LFriV/2Zm8z2AIXBbBQyQX6qmm9XRXJfiAJkFrbcHiaLQ5c=
        -----END ENCRYPTED PRIVATE KEY-----

        """
}
