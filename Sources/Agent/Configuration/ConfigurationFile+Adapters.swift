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

        var keys: Set<String> {
            switch self {
            case .v2: ["url", "name", "layout", "path", "headers"]
            }
        }
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

    // MARK: Values

    /// Nil if the key is not there.
    private func text(_ key: String) throws(ConfigurationError) -> String? {
        guard let value = table[key] else { return nil }
        guard let text = value.string, !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 }) else {
            throw wrong(key, "a string in quotes")
        }
        if let unknown = AdapterRule.unknownPlaceholder(in: text) {
            let known = AdapterRule.placeholders.joined(separator: ", ")
            throw wrong(key, "without \(unknown), which means nothing here (what does: \(known))")
        }
        return text
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
