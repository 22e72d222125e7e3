import EventLoop
import Foundation
import HTTPTesting
import Handoff
import Testing
import Units

/// A server that takes the highest number in its folder whenever it is asked for its state, in the words of TensorFlow
/// Serving. Until it has loaded one, it serves the one before.
@LoopActor final class FakeVersionFolder: FakeModelServer {
    var broken: Set<Digest> = []
    private var server: FakeHTTPServer?
    private let path: String
    private var available: (number: Int, digest: Digest)?
    private var isAlive = true
    private(set) var reloadCount = 0

    init(_ stage: Stage) throws {
        path = stage.state + "/repository"
        try Stage.makeFolder(path)
        server = try FakeHTTPServer { [weak self] asked in self?.reply(asked) ?? .silence }
    }

    var served: Digest? { isAlive ? available?.digest : nil }
    var found: Digest? { highestNumber(in: path).flatMap { linked("\(path)/\($0)") } }

    var kind: AdapterKind {
        .versionDirectory(
            VersionFolderServer(url: server?.url ?? "", path: path, reloadPath: "/v1/config/reload"))
    }

    private func reply(_ asked: Asked) -> FakeHTTPServer.Reply {
        if asked.method == "POST", asked.path == "/v1/config/reload" {
            reloadCount += 1
            return .answer(200, [])
        }
        guard asked.path == "/v1/models/words" else { return .answer(404, []) }
        var rows: [String] = []
        if let number = highestNumber(in: path), let digest = linked("\(path)/\(number)") {
            if broken.contains(digest) {
                rows.append(Self.row(number, "END", "INTERNAL", "the files are broken"))
            } else {
                available = (number, digest)
            }
        }
        if let available { rows.append(Self.row(available.number, "AVAILABLE", "OK", "")) }
        guard !rows.isEmpty else { return .answer(404, Array(#"{"error":"no versions"}"#.utf8)) }
        return .answer(200, Array(#"{"model_version_status":[\#(rows.joined(separator: ","))]}"#.utf8))
    }

    private static func row(_ number: Int, _ state: String, _ code: String, _ words: String) -> String {
        #"{"version":"\#(number)","state":"\#(state)","status":{"error_code":"\#(code)","error_message":"\#(words)"}}"#
    }

    func die() {
        isAlive = false
        available = nil
        server?.close()
    }

    func comeBack() throws {
        isAlive = true
        if let number = highestNumber(in: path), let digest = linked("\(path)/\(number)") {
            available = (number, digest)
        }
        try server?.open()
    }
}

/// A server that takes the messages of `handoff/1` by HTTP, with room for all versions.
@LoopActor final class FakeMessageServer: FakeModelServer {
    private(set) var served: Digest?
    var broken: Set<Digest> = []
    private var resident: Set<Digest> = []
    private(set) var server: FakeHTTPServer?
    private var isAlive = true

    init(_ stage: Stage) throws {
        server = try FakeHTTPServer { [weak self] asked in self?.reply(asked) ?? .silence }
    }

    var kind: AdapterKind { .http(MessageServer(url: (server?.url ?? "") + "/handoff")) }

    private struct Message: Decodable {
        let type: String
        let digest: String?
        let expect_active: String?
    }

    private func reply(_ asked: Asked) -> FakeHTTPServer.Reply {
        guard asked.method == "POST", asked.path == "/handoff",
            let message = try? JSONDecoder().decode(Message.self, from: Data(asked.body.utf8))
        else { return .answer(404, []) }
        let digest = message.digest.flatMap { Digest(hex: $0) }
        switch message.type {
        case "hello":
            let active = served.map { #"{"digest":"\#($0)"}"# } ?? "null"
            return ok(
                #""active":\#(active),"resident":\#(list),"capabilities":["calibrate"],"runtime":"fake/1""#)
        case "ping":
            return ok(
                #""active":\#(served.map { "\"\($0)\"" } ?? "null"),"resident":\#(list),"requests":9,"errors":0"#
            )
        case "load": return load(digest)
        case "calibrate": return ok(#""samples":3,"latency_ms":{"p50":1,"p99":2.5},"beside_latency_ms":{"p99":2}"#)
        case "activate":
            guard message.expect_active == served?.hex else {
                return failure("conflict", "not what serves")
            }
            served = digest
            return ok(#""previous":null"#)
        case "release":
            if let digest { resident.remove(digest) }
            return ok(#""done":true"#)
        default: return failure("unsupported", "unknown")
        }
    }

    private var list: String {
        "[" + resident.sorted().map { "\"\($0)\"" }.joined(separator: ",") + "]"
    }

    private func load(_ digest: Digest?) -> FakeHTTPServer.Reply {
        guard let digest, !broken.contains(digest) else {
            return failure("load_failed", "the files are broken")
        }
        resident.insert(digest)
        return ok(#""load_ms":1"#)
    }

    private func ok(_ fields: String) -> FakeHTTPServer.Reply {
        .answer(200, Array(#"{"type":"reply","ok":true,\#(fields)}"#.utf8))
    }

    private func failure(_ code: String, _ words: String) -> FakeHTTPServer.Reply {
        let error = #"{"code":"\#(code)","message":"\#(words)","retryable":false}"#
        return .answer(200, Array(#"{"type":"reply","ok":false,"error":\#(error)}"#.utf8))
    }

    func die() { server?.close() }

    /// It was away, and kept what it had: its memory is its own.
    func comeBack() throws { try server?.open() }
}

/// A command that writes down what it was asked, and what serves.
@LoopActor final class FakeCommand: FakeModelServer {
    var broken: Set<Digest> = [] {
        didSet { try? write(broken.map(\.hex).joined(separator: "\n"), to: "broken") }
    }
    private let folder: String

    init(_ stage: Stage) throws {
        folder = stage.state
        try write(
            """
            echo "$SHOAL_VERB $SHOAL_DIGEST" >> '\(folder)/asked'
            case "$SHOAL_VERB" in
            hello) exit 1 ;;
            load)
                test -d "$SHOAL_PATH" || exit 9
                if grep -q "$SHOAL_DIGEST" '\(folder)/broken' 2>/dev/null; then
                    echo "the files are broken" >&2
                    exit 1
                fi ;;
            activate)
                test "$(basename "$(dirname "$(readlink "$SHOAL_LINK")")")" = "$SHOAL_DIGEST" || exit 9
                echo "$SHOAL_DIGEST" > '\(folder)/served' ;;
            esac
            """, to: "command.sh")
    }

    private func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    private func read(_ name: String) -> String {
        (try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)) ?? ""
    }

    var asked: [String] { read("asked").split(separator: "\n").map(String.init) }
    var served: Digest? { Digest(hex: read("served").filter(\.isHexDigit)) }
    var kind: AdapterKind { .exec(CommandServer(command: ["/bin/sh", "\(folder)/command.sh"])) }
    func die() {}
    func comeBack() throws {}
}
