import Units

@testable import Wire

/// A message in the words of the test vectors, so that each field is compared with what the other implementation meant.
extension Message {
    var vectorFields: JSON { .object(fields) }

    private var fields: [String: JSON] {
        switch self {
        case .hello(let hello): hello.vectorFields
        case .models(let models): ["names": .list(models.map { .text($0.text) })]
        case .peers(let peers): ["entries": .list(peers.entries.map(\.vectorFields))]
        case .ping(let token), .pong(let token): ["token": .integer(token)]
        case .goodbye(let goodbye): ["code": .number(goodbye.code.rawValue), "text": .text(goodbye.text)]
        case .document(let document):
            ["kind": .number(document.kind.rawValue), "envelope": .hex(document.envelope)]
        case .levelled: [:]
        case .versionsQuery(let query):
            ["request": .number(query.request.value), "model": .text(query.model.text)]
        case .versions(let versions):
            [
                "request": .number(versions.request.value),
                "digests": .list(versions.manifests.map { .text($0.hex) }),
            ]
        case .fetch(let fetch):
            [
                "request": .number(fetch.request.value), "kind": .number(fetch.kind.rawValue),
                "digest": .text(fetch.digest.hex),
            ]
        case .part(let part):
            [
                "request": .number(part.request.value), "total": .number(part.total),
                "offset": .number(part.offset), "bytes": .hex(part.bytes),
            ]
        case .absent(let absent):
            ["request": .number(absent.request.value), "reason": .number(absent.reason.rawValue)]
        case .find(let find): find.vectorFields
        case .found(let found):
            ["id": .text(found.id.hex), "entries": .list(found.entries.map(\.vectorFields))]
        default: chunkFields
        }
    }

    private var chunkFields: [String: JSON] {
        switch self {
        case .holdings(let holdings):
            [
                "version": .text(holdings.version.hex), "flags": .number(holdings.flags.rawValue),
                "chunks": .number(holdings.chunkCount), "first": .number(holdings.firstChunk),
                "bitmap": .hex(holdings.bitmap),
            ]
        case .have(let list), .withdraw(let list):
            ["version": .text(list.version.hex), "chunks": .list(list.chunks.map { .number($0.value) })]
        case .leave(let version): ["version": .text(version.hex)]
        case .claim(let claim):
            [
                "version": .text(claim.chunk.version.hex), "chunk": .number(claim.chunk.chunk.value),
                "claimant": .text(claim.claimant.hex),
            ]
        case .offer(let chunk), .bad(let chunk):
            ["version": .text(chunk.version.hex), "chunk": .number(chunk.chunk.value)]
        case .request(let request):
            [
                "request": .number(request.request.value), "version": .text(request.chunk.version.hex),
                "chunk": .number(request.chunk.chunk.value),
            ]
        case .cancel(let request), .renew(let request): ["request": .number(request.value)]
        case .data(let data):
            [
                "request": .number(data.request.value), "offset": .number(data.offset), "bytes": .hex(data.payload),
            ]
        case .refuse(let refuse):
            [
                "request": .number(refuse.request.value), "reason": .number(refuse.reason.rawValue),
                "retryMilliseconds": .number(refuse.retryMilliseconds),
            ]
        case .certificate(let answer):
            ["request": .number(answer.request.value), "certificate": .hex(answer.certificate)]
        case .statusNews(let news):
            [
                "entries": .list(
                    news.map {
                        .list([.text($0.node.hex), .integer($0.stamp.boot), .number($0.stamp.sequence)])
                    })
            ]
        case .statusQuery(let questions):
            ["entries": .list(questions.map { .list([.text($0.node.hex), .bool($0.wantsCertificate)]) })]
        case .status(let status):
            [
                "age": .number(status.ageSeconds), "record": .hex(status.record),
                "certificate": .hex(status.certificate),
            ]
        case .space(let space):
            ["bytes": .integer(space.byteCount), "sharesBlocks": .bool(space.sharesBlocks)]
        default: [:]
        }
    }
}

extension Hello {
    fileprivate var vectorFields: [String: JSON] {
        [
            "minor": .number(minorVersion), "features": .integer(features), "rootVersion": .number(rootVersion),
            "issues": .bool(issuesCertificates), "lane": .number(lane), "instance": .integer(instance),
            "software": .text(software), "listeningPort": .number(listeningPort),
            "addresses": .list(addresses.map { .hex($0.bytes) }),
            "labels": .list(labels.map { .list([.text($0.key), .text($0.value)]) }),
        ]
    }
}

extension PeerEntry {
    fileprivate var vectorFields: JSON {
        .object([
            "nodeId": .text(node.hex), "issues": .bool(issuesCertificates), "ip": .hex(endpoint.address.bytes),
            "port": .number(endpoint.port), "models": .list(models.map { .text($0.text) }),
        ])
    }
}

extension Find {
    fileprivate var vectorFields: [String: JSON] {
        let fields: [String: JSON] = ["id": .text(id.hex), "hops": .number(hopsLeft)]
        switch target {
        case .model(let model): return fields.merging(["what": .integer(1), "model": .text(model.text)]) { $1 }
        case .issuer: return fields.merging(["what": .integer(2), "model": .text("")]) { $1 }
        }
    }
}
