internal import Units

extension Message {
    /// The whole frame, with its length.
    public func encode() -> [UInt8] {
        var frame: [UInt8] = []
        append(to: &frame)
        return frame
    }

    /// Appends the whole frame, with its length, to what waits to be sent.
    public func append(to output: inout [UInt8]) {
        if case .data(let data) = self {
            DataFrame.append(request: data.request, offset: data.offset, payload: data.payload[...], to: &output)
            return
        }
        let start = output.count
        output.appendBigEndian(0 as UInt32)
        output.append(type.rawValue)
        appendBody(to: &output)
        let byteCount = output.count - start - 4
        precondition(byteCount <= Limits.frameByteCountMax, "a \(type) of \(byteCount) bytes")
        for position in 0..<4 {
            output[start + position] = UInt8(truncatingIfNeeded: byteCount >> (24 - 8 * position))
        }
    }

    private func appendBody(to output: inout [UInt8]) {
        switch self {
        case .hello(let hello): hello.append(to: &output)
        case .models(let models):
            let kept = Self.canonical(models)
            output.appendBigEndian(UInt16(kept.count))
            for model in kept { output.append(string: model.text) }
        case .peers(let peers):
            output.append(UInt8(peers.entries.count))
            for entry in peers.entries { entry.append(to: &output) }
        case .ping(let token), .pong(let token): output.appendBigEndian(token)
        case .goodbye(let goodbye):
            output.appendBigEndian(goodbye.code.rawValue)
            output.append(string: goodbye.text)
        case .find(let find): find.append(to: &output)
        case .found(let found):
            output.append(contentsOf: found.id.bytes)
            output.append(UInt8(found.entries.count))
            for entry in found.entries { entry.append(to: &output) }
        case .holdings(let holdings): holdings.append(to: &output)
        case .have(let list), .withdraw(let list):
            output.append(contentsOf: list.version.bytes)
            output.appendBigEndian(UInt16(list.chunks.count))
            for chunk in list.chunks { output.appendBigEndian(chunk.value) }
        case .leave(let version): output.append(contentsOf: version.bytes)
        case .offer(let chunk), .bad(let chunk): output.append(chunk: chunk)
        case .claim(let claim):
            output.append(chunk: claim.chunk)
            output.append(contentsOf: claim.claimant.bytes)
        case .space(let space): space.append(to: &output)
        case .statusNews(let news):
            output.appendBigEndian(UInt16(news.count))
            for entry in news { entry.append(to: &output) }
        case .statusQuery(let questions):
            output.appendBigEndian(UInt16(questions.count))
            for question in questions { question.append(to: &output) }
        case .status(let status): status.append(to: &output)
        case .levelled, .data: break
        default: appendExchange(to: &output)
        }
    }

    /// What MODELS may carry of a list: ascending, each once, the first 256.
    private static func canonical(_ models: [ModelName]) -> ArraySlice<ModelName> {
        var kept: [ModelName] = []
        for model in models.sorted() where model != kept.last { kept.append(model) }
        return kept.prefix(Limits.modelsCountMax)
    }

    /// Questions and answers: what carries a request's number; and documents.
    private func appendExchange(to output: inout [UInt8]) {
        switch self {
        case .document(let document):
            output.append(document.kind.rawValue)
            output.append(contentsOf: document.envelope)
        case .versionsQuery(let query):
            output.appendBigEndian(query.request.value)
            output.append(string: query.model.text)
        case .versions(let versions):
            output.appendBigEndian(versions.request.value)
            output.appendBigEndian(UInt16(versions.manifests.count))
            for digest in versions.manifests { output.append(contentsOf: digest.bytes) }
        case .fetch(let fetch):
            output.appendBigEndian(fetch.request.value)
            output.append(fetch.kind.rawValue)
            output.append(contentsOf: fetch.digest.bytes)
        case .part(let part):
            output.appendBigEndian(part.request.value)
            output.appendBigEndian(part.total)
            output.appendBigEndian(part.offset)
            output.append(contentsOf: part.bytes)
        case .absent(let absent):
            output.appendBigEndian(absent.request.value)
            output.append(absent.reason.rawValue)
        case .request(let request):
            output.appendBigEndian(request.request.value)
            output.append(chunk: request.chunk)
        case .cancel(let request), .renew(let request): output.appendBigEndian(request.value)
        case .refuse(let refuse):
            output.appendBigEndian(refuse.request.value)
            output.append(refuse.reason.rawValue)
            output.appendBigEndian(refuse.retryMilliseconds)
        case .certificate(let answer):
            output.appendBigEndian(answer.request.value)
            output.appendBigEndian(UInt16(answer.certificate.count))
            output.append(contentsOf: answer.certificate)
        default: preconditionFailure("\(type) is no question and no answer")
        }
    }
}

extension Hello {
    fileprivate func append(to output: inout [UInt8]) {
        output.appendBigEndian(minorVersion)
        output.appendBigEndian(features)
        output.appendBigEndian(rootVersion)
        output.append(issuesCertificates ? 1 : 0)
        output.append(lane)
        output.appendBigEndian(instance)
        output.append(string: software)
        output.appendBigEndian(listeningPort)
        output.append(UInt8(addresses.count))
        for address in addresses { output.append(address: address) }
        output.append(UInt8(labels.count))
        for label in labels {
            output.append(string: label.key)
            output.append(string: label.value)
        }
    }
}

extension PeerEntry {
    fileprivate func append(to output: inout [UInt8]) {
        output.append(contentsOf: node.bytes)
        output.append(placeMark << 1 | (issuesCertificates ? 1 : 0))
        output.append(address: endpoint.address)
        output.appendBigEndian(endpoint.port)
        output.append(UInt8(models.count))
        for model in models { output.append(string: model.text) }
    }
}

extension Find {
    fileprivate func append(to output: inout [UInt8]) {
        output.append(contentsOf: id.bytes)
        output.append(hopsLeft)
        switch target {
        case .model(let model):
            output.append(1)
            output.append(string: model.text)
        case .issuer:
            output.append(2)
            output.append(string: "")
        }
    }
}

extension Holdings {
    fileprivate func append(to output: inout [UInt8]) {
        output.append(contentsOf: version.bytes)
        output.append(flags.rawValue)
        output.appendBigEndian(chunkCount)
        output.appendBigEndian(firstChunk)
        output.append(contentsOf: bitmap)
    }
}

extension [UInt8] {
    /// Most significant byte first.
    mutating func appendBigEndian<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
        for shift in stride(from: T.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> T(shift)))
        }
    }

    /// A u16 length and UTF-8; the caller has bounded it.
    fileprivate mutating func append(string text: String) {
        appendBigEndian(UInt16(text.utf8.count))
        append(contentsOf: text.utf8)
    }

    /// 4 or 6, and the address.
    fileprivate mutating func append(address: IPAddress) {
        append(address.bytes.count == 4 ? 4 : 6)
        append(contentsOf: address.bytes)
    }

    fileprivate mutating func append(chunk: ChunkReference) {
        append(contentsOf: chunk.version.bytes)
        appendBigEndian(chunk.chunk.value)
    }
}
