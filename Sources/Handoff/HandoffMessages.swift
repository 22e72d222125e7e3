import EventLoop
import FoundationEssentials
import Units

/// A line from a process, read strictly. Nothing here traps on any input.
enum HandoffIncoming {
    case hello(HelloMessage)
    case reply(ReplyMessage)
    case progress(re: Int, fraction: Double)
    case drained(Digest)
    case released(Digest)
    case health(HandoffReport)
    case goodbye
    case error
    /// A type that this agent does not know; to be answered as `unsupported`.
    case unknown(type: String, id: Int?)
    /// The line breaks the protocol; the connection must end.
    case broken(String)

    init(line: [UInt8]) {
        guard HandoffIncoming.nesting(of: line) <= Limits.handoffNestingMax else {
            self = .broken("a line nested too deep")
            return
        }
        do {
            self = try HandoffIncoming.read(Data(line))
        } catch {
            self = .broken(plainText("a line that is not what the protocol describes: \(error)", byteCountMax: 256))
        }
    }

    private static func read(_ line: Data) throws -> HandoffIncoming {
        let decoder = JSONDecoder()
        let envelope = try decoder.decode(Envelope.self, from: line)
        switch envelope.type {
        case "hello": return .hello(try decoder.decode(HelloMessage.self, from: line))
        case "reply": return .reply(try decoder.decode(ReplyMessage.self, from: line))
        case "progress":
            let message = try decoder.decode(ProgressMessage.self, from: line)
            return .progress(re: message.re, fraction: message.fraction)
        case "drained": return .drained(try decoder.decode(DigestMessage.self, from: line).digest.digest)
        case "released": return .released(try decoder.decode(DigestMessage.self, from: line).digest.digest)
        case "health": return .health(try decoder.decode(HealthMessage.self, from: line).report)
        case "goodbye": return .goodbye
        case "error": return .error
        default: return .unknown(type: plainText(envelope.type, byteCountMax: 64), id: try envelope.checkedID())
        }
    }

    /// How deep objects and arrays are nested, found without recursion and before anything is built.
    private static func nesting(of line: [UInt8]) -> Int {
        var depth = 0
        var deepest = 0
        var isInString = false
        var isEscaped = false
        for byte in line {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\"") {
                isInString.toggle()
            } else if isInString {
                isEscaped = byte == UInt8(ascii: "\\")
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                depth += 1
                deepest = max(deepest, depth)
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                depth -= 1
            }
        }
        return deepest
    }
}

/// A value has the right JSON type and the wrong form.
struct FormError: Error, CustomStringConvertible {
    let description: String
}

struct Envelope: Decodable {
    let type: String
    let id: Int?

    func checkedID() throws -> Int? {
        guard let id else { return nil }
        guard (1...(1 << 53) - 1).contains(id) else { throw FormError(description: "an id of \(id)") }
        return id
    }
}

/// A digest, exactly as it must be written.
struct DigestText: Decodable {
    let digest: Digest

    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let digest = Digest(hex: text), digest.hex == text else {
            throw FormError(description: "a digest must be 64 lower-case hexadecimal digits")
        }
        self.digest = digest
    }
}

struct DigestMessage: Decodable {
    let digest: DigestText
}

struct ProgressMessage: Decodable {
    let re: Int
    let fraction: Double
}

struct HealthMessage: Decodable {
    let report: HandoffReport

    private enum Key: String, CodingKey {
        case active
        case inFlight = "in_flight"
        case requests, errors
        case busy = "busy_ms"
    }

    /// A century, in milliseconds: more is none that a process can have been busy.
    private static let busyMax = 3.2e12

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        let busy = try fields.decodeIfPresent(Double.self, forKey: .busy)
            .flatMap { (0...Self.busyMax).contains($0) ? Duration.seconds($0 / 1_000) : nil }
        report = HandoffReport(
            active: try fields.decode(DigestText?.self, forKey: .active)?.digest,
            inFlightCount: try fields.decodeIfPresent(Int.self, forKey: .inFlight),
            requestCount: try fields.decodeIfPresent(Int.self, forKey: .requests),
            errorCount: try fields.decodeIfPresent(Int.self, forKey: .errors), busy: busy)
    }
}

struct ReplyMessage: Decodable {
    let re: Int
    let body: ReplyBody

    private enum Key: String, CodingKey {
        case re
    }

    init(from decoder: any Decoder) throws {
        re = try decoder.container(keyedBy: Key.self).decode(Int.self, forKey: .re)
        body = try ReplyBody(from: decoder)
    }
}

/// A reply without the request's number, which adapters have no use for: each of their questions has its own answer.
struct ReplyBody: Decodable {
    /// Nil if the request succeeded.
    let failure: HandoffFailure?
    /// What a ping brings.
    let report: HandoffReport?
    /// What a ping may bring: all that is in memory.
    let resident: [Digest]?
    /// What a load and a calibration may bring.
    let memory: ByteCount?
    /// What a calibration brings.
    let calibration: HandoffCalibrationReport?

    private enum Key: String, CodingKey {
        case ok, error, active, resident, samples
        case memory = "memory_bytes"
        case latency = "latency_ms"
        case besideLatency = "beside_latency_ms"
    }

    private struct ErrorBody: Decodable {
        let code: String
        let message: String?
        let retryable: Bool?
    }

    private struct Latency: Decodable {
        let p99: Double
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        let active = try fields.decodeIfPresent(DigestText.self, forKey: .active)?.digest
        if try fields.decode(Bool.self, forKey: .ok) {
            failure = nil
            report = fields.contains(.active) ? try HealthMessage(from: decoder).report : nil
            resident = try fields.decodeIfPresent([DigestText].self, forKey: .resident)?.map(\.digest)
            memory = try fields.decodeIfPresent(Int64.self, forKey: .memory).flatMap { $0 < 0 ? nil : ByteCount($0) }
            calibration = try Self.calibration(fields, memory)
        } else {
            let body = try fields.decode(ErrorBody.self, forKey: .error)
            let code = HandoffFailure.Code(rawValue: body.code) ?? .internal
            failure = HandoffFailure(
                code, plainText(body.message ?? ""), active: active, isRetryable: body.retryable ?? false)
            report = nil
            resident = nil
            memory = nil
            calibration = nil
        }
    }

    private static func calibration(
        _ fields: KeyedDecodingContainer<Key>, _ memory: ByteCount?
    ) throws -> HandoffCalibrationReport? {
        guard let samples = try fields.decodeIfPresent(Int.self, forKey: .samples),
            let latency = try fields.decodeIfPresent(Latency.self, forKey: .latency)
        else { return nil }
        let beside = try fields.decodeIfPresent(Latency.self, forKey: .besideLatency)
        return HandoffCalibrationReport(
            sampleCount: samples, latency: latency.p99, besideLatency: beside?.p99, memory: memory)
    }
}

struct HelloMessage: Decodable {
    let `protocol`: [Int]
    let model: String
    let instance: String?
    let runtime: String?
    let capabilities: [String]?
    let active: Active?
    let resident: [DigestText]?

    struct Active: Decodable {
        let digest: DigestText
    }

    func checked(_ credentials: PeerCredentials) -> Result<HandoffHello, HandoffFailure> {
        guard self.protocol.contains(1) else {
            return .failure(HandoffFailure(.unknownProtocol, "this agent speaks protocol 1"))
        }
        guard let model = ModelName(model) else {
            return .failure(HandoffFailure(.badMessage, "model is not the name of a model"))
        }
        // A node's name follows the same rule as an instance's: one part of a name.
        guard instance.map({ NodeName($0) != nil }) ?? true else {
            return .failure(HandoffFailure(.badMessage, "instance must be letters, digits and ._-, at most 64 bytes"))
        }
        guard (resident ?? []).count <= Limits.handoffResidentCountMax else {
            return .failure(
                HandoffFailure(.badMessage, "more than \(Limits.handoffResidentCountMax) resident versions"))
        }
        let hello = HandoffHello(
            model: model, name: instance ?? "pid-\(credentials.processID)",
            runtime: plainText(runtime ?? "", byteCountMax: 128), credentials: credentials,
            canLoadBeside: (capabilities ?? []).contains("dual_load"),
            canCalibrate: (capabilities ?? []).contains("calibrate"), active: active?.digest.digest,
            resident: (resident ?? []).map(\.digest))
        return .success(hello)
    }
}

/// A line to a process.
enum HandoffOutgoing {
    case welcome(agent: String, instance: String, leaseMilliseconds: Int64)
    case request(id: Int, HandoffCommand)
    case refusal(re: Int, HandoffFailure)
    case error(HandoffFailure)

    /// The line without its newline.
    var line: [UInt8] {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        } catch {
            preconditionFailure("a message of ours cannot be written: \(error)")
        }
    }
}

extension HandoffOutgoing: Encodable {
    private enum Key: String, CodingKey {
        case type, `protocol`, agent, instance, id, digest, version, variant, path, inputs, outputs, beside, re, ok
        case error
        case lease = "lease_ms"
        case deadline = "deadline_ms"
        case expected = "expect_active"
    }

    private struct ErrorBody: Encodable {
        let code: String
        let message: String
        let retryable: Bool

        init(_ failure: HandoffFailure) {
            code = failure.code.rawValue
            message = failure.message
            retryable = failure.isRetryable
        }
    }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        switch self {
        case .welcome(let agent, let instance, let lease):
            try fields.encode("welcome", forKey: .type)
            try fields.encode(1, forKey: .protocol)
            try fields.encode(agent, forKey: .agent)
            try fields.encode(instance, forKey: .instance)
            try fields.encode(lease, forKey: .lease)
        case .request(let id, let command):
            try fields.encode(id, forKey: .id)
            try encode(command, to: &fields)
        case .refusal(let re, let failure):
            try fields.encode("reply", forKey: .type)
            try fields.encode(re, forKey: .re)
            try fields.encode(false, forKey: .ok)
            try fields.encode(ErrorBody(failure), forKey: .error)
        case .error(let failure):
            try fields.encode("error", forKey: .type)
            try fields.encode(ErrorBody(failure), forKey: .error)
        }
    }

    private func encode(_ command: HandoffCommand, to fields: inout KeyedEncodingContainer<Key>) throws {
        switch command {
        case .load(let load):
            try fields.encode("load", forKey: .type)
            try fields.encode(load.digest.hex, forKey: .digest)
            try fields.encode((load.tag?.text) ?? load.digest.short, forKey: .version)
            try fields.encode(load.variant.text, forKey: .variant)
            try fields.encode(load.path, forKey: .path)
            try fields.encode(load.deadline.wholeMilliseconds, forKey: .deadline)
        case .calibrate(let calibration):
            try fields.encode("calibrate", forKey: .type)
            try fields.encode(calibration.digest.hex, forKey: .digest)
            try fields.encode(calibration.inputs, forKey: .inputs)
            try fields.encode(calibration.outputs, forKey: .outputs)
            try fields.encode(calibration.beside?.hex, forKey: .beside)
            try fields.encode(calibration.deadline.wholeMilliseconds, forKey: .deadline)
        case .activate(let digest, let tag, let expected, let deadline):
            try fields.encode("activate", forKey: .type)
            try fields.encode(digest.hex, forKey: .digest)
            try fields.encode((tag?.text) ?? digest.short, forKey: .version)
            // Null must be there: it says that nothing is expected to be active.
            try fields.encode(expected?.hex, forKey: .expected)
            try fields.encode(deadline.wholeMilliseconds, forKey: .deadline)
        case .release(let digest):
            try fields.encode("release", forKey: .type)
            try fields.encode(digest.hex, forKey: .digest)
        case .ping: try fields.encode("ping", forKey: .type)
        }
    }
}
