internal import HTTPClient
internal import Handoff
internal import Manifest
internal import TOMLKit
internal import Units

/// `[[handoff.adapter]]`.
extension ConfigurationReader {
    func adapters(_ array: TOMLArray?) throws(ConfigurationError) -> [AdapterRule] {
        guard let array, array.count <= Limits.adapterCountMax else {
            throw wrong("adapter", "a list of at most \(Limits.adapterCountMax) tables, [[handoff.adapter]]")
        }
        var rules: [AdapterRule] = []
        for element in array {
            guard let table = element.table else { throw wrong("adapter", "a list of tables, [[handoff.adapter]]") }
            let header = TableHeader(path: "handoff.adapter", number: rules.count)
            rules.append(try AdapterTable(reader: self, table: table, header: header).rule())
        }
        return rules
    }
}

/// One table: what is known of all adapters, and what of each.
private struct AdapterTable {
    let reader: ConfigurationReader
    let table: TOMLTable
    let header: ConfigurationReader.TableHeader

    private enum Kind: String, CaseIterable {
        case v2
        case versionDirectory = "version-directory"
        case exec, http, process

        var keys: Set<String> {
            switch self {
            case .v2: ["url", "name", "layout", "path", "headers"]
            case .versionDirectory: ["url", "name", "path", "reload", "headers"]
            case .http: ["url", "headers"]
            case .process:
                [
                    "command", "health", "switch", "ports", "environment", "folder", "path", "drain", "stop",
                    "exclusive",
                ]
            case .exec: ["command", "environment", "folder", "path"]
            }
        }
    }

    private var placeholders: [String] {
        let isProcess = table["kind"]?.string == Kind.process.rawValue
        return AdapterRule.placeholders + (isProcess ? ProcessServer.placeholders : [])
    }

    func rule() throws(ConfigurationError) -> AdapterRule {
        guard let kind = table["kind"]?.string.flatMap({ Kind(rawValue: $0) }) else {
            throw wrong("kind", "one of " + Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        for key in table.keys.sorted() where key != "models" && key != "kind" && !kind.keys.contains(key) {
            throw reader.unknown(key, in: "handoff.adapter.", after: header)
        }
        guard let list = table["models"]?.array, !list.isEmpty else {
            throw wrong("models", "a list of model patterns")
        }
        let models = try reader.patterns(list, after: header)
        let rule = AdapterRule(models: models, kind: try settings(kind))
        // Two models behind one name would move it to and fro.
        for key in ["name", "path"] where models.count > 1 || models.contains(where: { $0.text.hasSuffix("*") }) {
            guard let text = table[key]?.string, !text.contains("{model}"), !text.contains("{name}") else { continue }
            throw wrong(key, "different for each model: put {model} or {name} into it")
        }
        return rule
    }

    private func settings(_ kind: Kind) throws(ConfigurationError) -> AdapterKind {
        switch kind {
        case .v2: .v2(try repository())
        case .versionDirectory: .versionDirectory(try versionFolder())
        case .http: .http(MessageServer(url: try url("url"), headers: try texts("headers")))
        case .exec: .exec(try command())
        case .process: .process(try process())
        }
    }

    private func repository() throws(ConfigurationError) -> RepositoryServer {
        var server = RepositoryServer(url: try url("url"))
        if let name = try text("name") { server.model = name }
        if let layout = try text("layout") {
            guard let known = RepositoryServer.Layout(rawValue: layout) else {
                throw wrong("layout", "\"link\" or \"numbered\"")
            }
            server.layout = known
        }
        server.path = try path("path")
        guard server.layout == .link || server.path != nil else {
            throw wrong("path", "given for the layout \"numbered\": the folder of the model in the server's repository")
        }
        server.headers = try texts("headers")
        return server
    }

    private func versionFolder() throws(ConfigurationError) -> VersionFolderServer {
        guard let path = try path("path") else {
            throw wrong("path", "given: the model's folder, in which the server takes numbers for versions")
        }
        var server = VersionFolderServer(url: try url("url"), path: path)
        if let name = try text("name") { server.model = name }
        if let reload = try text("reload") {
            guard reload.hasPrefix("/") else {
                throw wrong("reload", "a path on the server, such as \"/v1/config/reload\"")
            }
            server.reloadPath = reload
        }
        server.headers = try texts("headers")
        return server
    }

    private func command() throws(ConfigurationError) -> CommandServer {
        guard let command = try list("command") else {
            throw wrong("command", "a list of strings: the program and its arguments")
        }
        return CommandServer(
            command: command, environment: try texts("environment"), folder: try path("folder"), path: try path("path"))
    }

    private func process() throws(ConfigurationError) -> ProcessServer {
        guard let command = try list("command") else {
            throw wrong("command", "a list of strings: the program and its arguments")
        }
        var server = ProcessServer(command: command, health: try url("health"))
        server.switchCommand = try list("switch") ?? []
        server.environment = try texts("environment")
        server.folder = try path("folder")
        server.path = try path("path")
        server.drain = try duration("drain") ?? server.drain
        server.stop = try duration("stop") ?? server.stop
        if let value = table["exclusive"] {
            guard let isExclusive = value.bool else { throw wrong("exclusive", "true or false") }
            server.isExclusive = isExclusive
        }
        server.ports = try ports(countMin: server.isExclusive ? 1 : 2)
        return server
    }

    private func ports(countMin: Int) throws(ConfigurationError) -> [UInt16] {
        guard let value = table["ports"] else { return [] }
        let ports = value.array?.compactMap { $0.int.flatMap { UInt16(exactly: $0) } } ?? []
        guard let array = value.array, ports.count == array.count, ports.count >= countMin, !ports.contains(0) else {
            throw wrong("ports", "a list of at least \(countMin) ports")
        }
        return ports
    }

    private func duration(_ key: String) throws(ConfigurationError) -> Duration? {
        guard let value = table[key] else { return nil }
        guard let duration = value.string.flatMap({ Duration(parsing: $0) }), duration <= .seconds(3_600) else {
            throw wrong(key, "a time in quotes of at most an hour, such as \"10s\"")
        }
        return duration
    }

    // MARK: Values

    /// Nil if the key is not there.
    private func text(_ key: String) throws(ConfigurationError) -> String? {
        guard let value = table[key] else { return nil }
        guard let text = value.string, !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 }) else {
            throw wrong(key, "a string in quotes")
        }
        return try checked(text, key)
    }

    private func url(_ key: String) throws(ConfigurationError) -> String {
        guard let text = try text(key), HTTPRequest.isAddress(text) else {
            throw wrong(key, "a URL such as \"http://127.0.0.1:8080\"")
        }
        return text
    }

    private func path(_ key: String) throws(ConfigurationError) -> String? {
        guard let text = try text(key) else { return nil }
        guard text.hasPrefix("/"), !text.hasSuffix("/"), !text.split(separator: "/").contains("..") else {
            throw wrong(key, "an absolute path, without .. and without a slash at its end")
        }
        return text
    }

    /// A command; nil if the key is not there.
    private func list(_ key: String) throws(ConfigurationError) -> [String]? {
        guard let value = table[key] else { return nil }
        guard let array = value.array, (1...Limits.adapterArgumentCountMax).contains(array.count) else {
            throw wrong(key, "a list of strings: the program and its arguments")
        }
        var found: [String] = []
        for element in array {
            guard let text = element.string, !text.utf8.contains(0), !(found.isEmpty && text.isEmpty) else {
                throw wrong(key, "a list of strings: the program and its arguments")
            }
            found.append(try checked(text, key))
        }
        return found
    }

    private func checked(_ text: String, _ key: String) throws(ConfigurationError) -> String {
        if let unknown = AdapterRule.unknownPlaceholder(in: text, known: placeholders) {
            let known = placeholders.joined(separator: ", ")
            throw wrong(key, "without \(unknown), which means nothing here (what does: \(known))")
        }
        return text
    }

    private func texts(_ key: String) throws(ConfigurationError) -> [String: String] {
        guard let value = table[key] else { return [:] }
        guard let fields = value.table else { throw wrong(key, "a table of names and texts") }
        var found: [String: String] = [:]
        for name in fields.keys.sorted() {
            guard let text = fields[name]?.string, text.utf8.allSatisfy({ $0 >= 0x20 }) else {
                throw wrong(name, "a string in quotes")
            }
            found[name] = text
        }
        return found
    }

    private func wrong(_ key: String, _ expected: String) -> ConfigurationError {
        reader.wrong(key, expected, after: header)
    }
}
