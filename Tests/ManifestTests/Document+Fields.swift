import Units

@testable import Manifest

/// Documents in the words of the test vectors, so that each field is compared with what the other implementation meant.
protocol VectorDocument: DocumentBody {
    var vectorFields: [String: JSON] { get }
}

extension Root: VectorDocument {
    var vectorFields: [String: JSON] {
        [
            "clusterId": .text(cluster.hex), "clusterName": .text(clusterName.text), "version": .number(version),
            "issued": .number(issued.secondsSince1970), "epoch": .number(epoch),
            "caCertificates": .list(certificates.map { .hex($0) }),
            "keys": .list(
                keys.map {
                    .object([
                        "spki": .hex($0.publicKey), "rights": .number($0.rights.rawValue),
                        "patterns": .list($0.patterns.map { .text($0.text) }),
                    ])
                }),
            "thresholds": .list(Right.allCases.map { .number(thresholds[$0]) }),
        ]
    }
}

extension Manifest: VectorDocument {
    var vectorFields: [String: JSON] {
        [
            "model": .text(model.text), "tag": .text(tag.text), "publishNumber": .integer(publishNumber),
            "created": .number(created.secondsSince1970), "algorithm": .number(chunking.algorithm.rawValue),
            "chunkSizes": .list([chunking.smallest, chunking.average, chunking.largest].map { .number($0) }),
            "layoutDigest": .text(layout.digest.hex), "layoutBytes": .number(layout.byteCount),
            "layoutChunks": .number(layout.chunkCount),
            "variants": .list(
                variants.map { variant in
                    .object(["name": .text(variant.name.text), "files": .list(variant.files.map(\.vectorFields))])
                }),
            "parent": parent.map { .text($0.hex) } ?? .null,
            "lineage": .list(lineage.map { .list([.text($0.key), .text($0.value)]) }),
            "gates": .list(gates.map { .list([.text($0.key), .text($0.value)]) }),
        ]
    }
}

extension FileEntry {
    fileprivate var vectorFields: JSON {
        .object(["path": .text(path.text), "bytes": .number(byteCount.value), "sha256": .text(digest.hex)])
    }
}

extension Head: VectorDocument {
    var vectorFields: [String: JSON] {
        [
            "clusterId": .text(cluster.hex), "rootVersion": .number(rootVersion), "model": .text(channel.model.text),
            "channel": .text(channel.channel.text), "epoch": .number(rank.epoch), "counter": .integer(rank.counter),
            "version": .text(version.hex), "issued": .number(issued.secondsSince1970),
            "expires": .number(expires.secondsSince1970), "haltShare": .number(rollout.haltSharePerMille),
            "flipAt": .number(rollout.flipAt?.secondsSince1970 ?? 0),
            "base": rollout.base.map { .text($0.hex) } ?? .null, "expected": .number(rollout.expectedCount),
            "released": .number(rollout.releasedCount),
            "rings": .list(
                rollout.rings.map {
                    .object([
                        "selector": .text($0.selector), "share": .number($0.sharePerMille),
                        "seconds": .number($0.waitSeconds),
                    ])
                }),
            "pins": .list(
                rollout.pins.map { .object(["selector": .text($0.selector), "version": .text($0.version.hex)]) }),
        ]
    }
}

extension DenyRecord: VectorDocument {
    var vectorFields: [String: JSON] {
        var fields: [String: JSON] = [
            "clusterId": .text(cluster.hex), "rootVersion": .number(rootVersion), "state": .number(state.rawValue),
            "epoch": .number(rank.epoch), "counter": .integer(rank.counter),
            "issued": .number(issued.secondsSince1970), "node": .null, "model": .null, "version": .null,
            "channel": .null,
        ]
        switch subject {
        case .node(let node):
            fields["subjectKind"] = .integer(1)
            fields["node"] = .text(node.hex)
        case .version(let model, let version):
            fields["subjectKind"] = .integer(2)
            fields["model"] = .text(model.text)
            fields["version"] = .text(version.hex)
        case .channel(let channel):
            fields["subjectKind"] = .integer(3)
            fields["model"] = .text(channel.model.text)
            fields["channel"] = .text(channel.channel.text)
        }
        return fields
    }
}

extension Layout {
    var vectorFields: [String: JSON] {
        [
            "chunks": .list(
                zip(digests, lengths).map { .object(["sha256": .text($0.hex), "length": .number($1)]) }),
            "files": .list((0..<fileCount).map { .list(chunks(ofFile: $0).map { .number($0) }) }),
        ]
    }
}
