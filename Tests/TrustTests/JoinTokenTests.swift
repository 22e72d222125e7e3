import Crypto
import Testing
import Units

@testable import Trust

@Suite struct JoinTokenTests {
    private let token = JoinToken(
        id: TokenID(exactly: Array(1...8)), secret: Array(11...26), caPin: SHA256.hash([1]), rootPin: SHA256.hash([2]),
        issuer: NodeID(exactly: Array(40...55)), cluster: ClusterID(exactly: Array(60...75)))

    private func fault(_ text: String) -> JoinToken.Fault? {
        do throws(JoinToken.Fault) {
            _ = try JoinToken(text)
            return nil
        } catch {
            return error
        }
    }

    @Test func textIsReadBack() throws {
        #expect(try JoinToken(token.text) == token)
        #expect(token.text.utf8.count == 174)
    }

    @Test func secretIsNotShown() {
        var shown = "\(token)"
        dump(token, to: &shown)
        #expect(shown.contains(token.id.hex) && !shown.contains("secret"))
    }

    @Test func everyTruncationIsTruncated() {
        for count in 0..<token.text.utf8.count {
            #expect(fault(String(token.text.prefix(count))) == .truncated, "\(count) characters")
        }
    }

    @Test func everyChangedCharacterIsMistyped() {
        let text = Array(token.text.utf8)
        for position in text.indices {
            for character in Array("Az09-_ =+/".utf8) where character != text[position] {
                var changed = text
                changed[position] = character
                #expect(fault(String(decoding: changed, as: UTF8.self)) == .mistyped, "\(character) at \(position)")
            }
        }
    }

    @Test func moreCharactersAreMistyped() {
        #expect(fault(token.text + "A") == .mistyped)
        #expect(fault(token.text + "\n") == .mistyped)
        #expect(fault(token.text + token.text) == .mistyped)
    }

    @Test func otherTextIsNoToken() {
        #expect(fault("berth-1:7447") == .notAToken)
        #expect(fault(String(repeating: "x", count: 300)) == .notAToken)
    }

    @Test func newerFormatIsToldFromAMistake() {
        for length in [121, 140] {
            let newer = formatted(2, length)
            #expect(fault(newer) == .newerFormat)
            #expect(fault(String(newer.dropLast()) + (newer.last == "A" ? "B" : "A")) == .mistyped)
        }
        #expect(fault(formatted(0, 121)) == .mistyped)
        #expect(fault(formatted(1, 122)) == .mistyped)
    }

    private func formatted(_ format: UInt8, _ byteCount: Int) -> String {
        let body = [format] + [UInt8](repeating: 5, count: byteCount - 1)
        let checksum = SHA256.hash(Array("shoal/1 token".utf8) + [0] + body).bytes.prefix(4)
        return "shoal1-" + Base64URL.encode(body + checksum)
    }

    @Test func adviceNamesTheNextStep() {
        for fault in [JoinToken.Fault.notAToken, .truncated, .mistyped, .newerFormat] {
            #expect(fault.advice.contains("shoal") || fault.advice.contains("upgrade"))
        }
    }
}

@Suite(.enabled(if: TokenVectors.isThere, "Protocol/vectors/token.json"))
struct TokenVectorTests {
    @Test func tokensOfTheOtherImplementationAreRead() throws {
        for vector in try TokenVectors.read().tokens {
            let token = try JoinToken(vector.text)
            #expect(token.text == vector.text)
            #expect(token.id.hex == vector.fields.id && Hex.encode(token.secret) == vector.fields.secret)
            #expect(token.caPin.hex == vector.fields.caPin && token.rootPin.hex == vector.fields.rootPin)
            #expect(token.issuer.hex == vector.fields.issuer && token.cluster.hex == vector.fields.clusterId)
            for offset in vector.corruptAt {
                for bit in 0..<8 {
                    var text = Array(vector.text.utf8)
                    text[offset] ^= 1 << UInt8(bit)
                    #expect(throws: JoinToken.Fault.self) { try JoinToken(String(decoding: text, as: UTF8.self)) }
                }
            }
        }
    }

    @Test func refusedTokensAreRefusedForTheRightReason() throws {
        let words: [JoinToken.Fault: String] = [
            .truncated: "truncated", .mistyped: "mistyped", .newerFormat: "upgrade", .notAToken: "mistyped",
        ]
        for vector in try TokenVectors.read().refused {
            do throws(JoinToken.Fault) {
                _ = try JoinToken(vector.text)
                Issue.record("\(vector.name) was read")
            } catch {
                #expect(vector.reasons.contains(words[error] ?? ""), "\(vector.name): \(error)")
            }
        }
    }

    @Test func messagesAreReadAndWrittenAlike() throws {
        for vector in try TokenVectors.read().messages {
            let bytes = try required(Hex.decode(vector.bytes))
            var reader = JoinMessageReader()
            try reader.append(bytes)
            #expect(try reader.next()?.encode() == bytes, "\(vector.name)")
        }
    }

    @Test func messagesOfALaterIssuerAreRead() throws {
        let messages = try TokenVectors.read().tolerated
        #expect(!messages.isEmpty)
        for vector in messages {
            var reader = JoinMessageReader()
            try reader.append(try required(Hex.decode(vector.bytes)))
            #expect(try reader.next() != nil, "\(vector.name)")
        }
    }

    @Test func refusedMessagesAreRefused() throws {
        for vector in try TokenVectors.read().refusedMessages {
            var reader = JoinMessageReader()
            try reader.append(try required(Hex.decode(vector.bytes)))
            #expect(throws: Units.DecodingError.self, "\(vector.name)") { try reader.next() }
        }
    }

    @Test func authenticatorsAgree() throws {
        for vector in try TokenVectors.read().hmac {
            let token = JoinToken(
                id: try required(TokenID(hex: vector.tokenID)), secret: try required(Hex.decode(vector.secret)),
                caPin: SHA256.hash([]), rootPin: SHA256.hash([]), issuer: NodeID(exactly: Array(1...16)),
                cluster: ClusterID(exactly: Array(1...16)))
            let request = JoinRequest(
                token, name: vector.node, signingRequest: try required(Hex.decode(vector.request)),
                exporter: try required(Hex.decode(vector.exporter)))
            #expect(Hex.encode(request.authenticator) == vector.hmac)
        }
    }

    @Test func certificatesOfTheOtherImplementationMakeAnIdentity() throws {
        for vector in try TokenVectors.read().certificates {
            let certificate = try Certificate(der: try required(Hex.decode(vector.node)))
            let identity = try NodeIdentity(certificate: certificate, key: try PrivateKey(pem: vector.nodePEM))
            #expect(identity.name.text == vector.nodeName && identity.node.hex == vector.nodeID)
            #expect(identity.cluster.hex == vector.clusterID)
        }
    }
}
