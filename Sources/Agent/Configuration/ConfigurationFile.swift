internal import EventLoop
internal import Handoff
internal import Manifest
internal import Rollout
internal import TOMLKit
internal import Units

/// The agent's TOML file. Every key is known or an error, with its line and column.
public enum ConfigurationFile {
    /// Puts the file's values on top of `configuration`.
    /// - Parameter name: the file's name, for errors.
    public static func apply(
        _ text: String, named name: String, to configuration: inout AgentConfiguration
    ) throws(ConfigurationError) {
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch {
            guard let parse = error as? TOMLParseError else { throw ConfigurationError("\(name): \(error)") }
            throw ConfigurationError(
                "\(name):\(parse.source.begin.line):\(parse.source.begin.column): \(parse.description)")
        }
        var reader = ConfigurationReader(table: table, text: text, name: name)
        try reader.read(into: &configuration)
    }
}

/// Takes the keys of one file apart.
struct ConfigurationReader {
    let table: TOMLTable
    let text: String
    let name: String

    mutating func read(into configuration: inout AgentConfiguration) throws(ConfigurationError) {
        for key in table.keys.sorted() {
            switch key {
            case "listen": configuration.listen = try endpoint(key)
            case "peers": configuration.peers = try peers(key)
            case "labels": try readLabels(key, into: &configuration)
            case "congestion_control": configuration.congestionControl = try congestionControl(table[key]?.string, key)
            case "limits": try readLimits(into: &configuration)
            case "handoff": try readHandoff(into: &configuration)
            case "disk": try readDisk(into: &configuration)
            case "variants": configuration.variants = try variants(key)
            default: throw unknown(key, in: "")
            }
        }
    }

    private func string(_ key: String) throws(ConfigurationError) -> String {
        guard let value = table[key]?.string else { throw wrong(key, "a string in quotes") }
        return value
    }

    private func endpoint(_ key: String) throws(ConfigurationError) -> Endpoint {
        guard let endpoint = Endpoint(parsing: try string(key), defaultPort: Limits.defaultPort) else {
            throw wrong(key, "an address and a port, for example \"0.0.0.0:\(Limits.defaultPort)\"")
        }
        return endpoint
    }

    private func peers(_ key: String) throws(ConfigurationError) -> [HostPort] {
        guard let array = table[key]?.array else { throw wrong(key, "a list of \"host:port\"") }
        var peers: [HostPort] = []
        for element in array {
            guard let text = element.string, let peer = HostPort(text, defaultPort: Limits.defaultPort) else {
                throw wrong(key, "a list of \"host:port\"")
            }
            peers.append(peer)
        }
        return peers
    }

    private func readLabels(
        _ key: String, into configuration: inout AgentConfiguration
    ) throws(ConfigurationError) {
        guard let values = table[key]?.table else { throw wrong(key, "a table of names and values") }
        for label in values.keys.sorted() {
            guard let value = values[label]?.string else { throw wrong(label, "a string in quotes") }
            do throws(ConfigurationError) {
                try configuration.setLabel(label, to: value)
            } catch {
                throw ConfigurationError("\(place(of: label)): \(error)")
            }
        }
    }

    private func variants(_ key: String) throws(ConfigurationError) -> [String: VariantName] {
        guard let values = table[key]?.table else { throw wrong(key, "a table of models and variants") }
        var variants: [String: VariantName] = [:]
        for model in values.keys.sorted() {
            guard model == "*" || ModelName(model) != nil else { throw wrong(model, "a model's name or \"*\"") }
            guard let name = values[model]?.string.flatMap({ VariantName($0) }) else {
                throw wrong(model, "the name of a variant in quotes")
            }
            variants[model] = name
        }
        return variants
    }

    private func readHandoff(into configuration: inout AgentConfiguration) throws(ConfigurationError) {
        guard let handoff = table["handoff"]?.table else { throw wrong("handoff", "a table") }
        for key in handoff.keys.sorted() {
            switch key {
            case "models": configuration.servedModels = try models(handoff[key]?.array, key)
            case "allow": configuration.handoffRules = try rules(handoff[key]?.array)
            case "adapter": configuration.adapters = try adapters(handoff[key]?.array)
            case "load_deadline": configuration.switching.loadDeadline = try deadline(handoff[key]?.string, key)
            case "calibration_deadline":
                configuration.switching.checkDeadline = try deadline(handoff[key]?.string, key)
            default: throw unknown(key, in: "handoff.")
            }
        }
    }

    private func deadline(_ text: String?, _ key: String) throws(ConfigurationError) -> Duration {
        guard let duration = text.flatMap({ Duration(parsing: $0) }),
            duration <= .seconds(Limits.rolloutDeadlineSecondsMax)
        else { throw wrong(key, "a time in quotes of at most a day, such as \"90s\" or \"10m\"") }
        return duration
    }

    private func models(_ array: TOMLArray?, _ key: String) throws(ConfigurationError) -> [ModelName] {
        guard let array else { throw wrong(key, "a list of models") }
        var models: [ModelName] = []
        for element in array {
            guard let model = element.string.flatMap({ ModelName($0) }) else { throw wrong(key, "a list of models") }
            models.append(model)
        }
        return models
    }

    private func rules(_ array: TOMLArray?) throws(ConfigurationError) -> [HandoffRule] {
        guard let array else { throw wrong("allow", "a list of tables with uid and models") }
        var rules: [HandoffRule] = []
        for element in array {
            guard let rule = element.table else { throw wrong("allow", "a list of tables with uid and models") }
            for key in rule.keys where key != "uid" && key != "models" { throw unknown(key, in: "handoff.allow.") }
            guard let uid = rule["uid"]?.int, let uid = UInt32(exactly: uid) else {
                throw wrong("uid", "a user's number")
            }
            guard let list = rule["models"]?.array else { throw wrong("models", "a list of model patterns") }
            rules.append(try handoffRule(userID: uid, list))
        }
        return rules
    }

    private func handoffRule(userID: UInt32, _ list: TOMLArray) throws(ConfigurationError) -> HandoffRule {
        let patterns = try patterns(list)
        return HandoffRule(userID: userID) { [patterns] model in patterns.contains { $0.matches(model) } }
    }

    func patterns(
        _ list: TOMLArray, after header: TableHeader? = nil
    ) throws(ConfigurationError) -> [ModelPattern] {
        var patterns: [ModelPattern] = []
        for element in list {
            guard let pattern = element.string.flatMap({ ModelPattern($0) }) else {
                throw wrong("models", "a list of patterns: \"*\", a model, or a model followed by /*", after: header)
            }
            patterns.append(pattern)
        }
        return patterns
    }

    func unknown(_ key: String, in path: String, after header: TableHeader? = nil) -> ConfigurationError {
        let place = place(of: key, after: header)
        return ConfigurationError("\(place): unknown key \(path)\(key); the README lists the keys of this file")
    }

    func wrong(_ key: String, _ expected: String, after header: TableHeader? = nil) -> ConfigurationError {
        ConfigurationError("\(place(of: key, after: header)): \(key) must be \(expected)")
    }

    /// A table's line, such as `[limits.far]`; of several such lines (`[[limits.schedule]]`) the one with this number.
    struct TableHeader {
        let path: String
        var number = 0
    }

    private func lineNumber(of header: TableHeader) -> Int {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let path = header.path
        let places = lines.indices.filter { index in
            let bare = lines[index].filter { !$0.isWhitespace }
            return bare.hasPrefix("[\(path)]") || bare.hasPrefix("[[\(path)]]")
        }
        return places.dropFirst(header.number).first ?? 0
    }

    /// `name:line:column` of a key's first appearance as one, from the line of `header` on; toml++'s positions do not
    /// reach Swift.
    private func place(of key: String, after header: TableHeader? = nil) -> String {
        let first = header.map { lineNumber(of: $0) } ?? 0
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where number >= first {
            let body = line.prefix { $0 != "#" && $0 != "=" }
            guard let range = body.firstRange(of: key) else { continue }
            let before = body[..<range.lowerBound].last
            let after = body[range.upperBound...].first
            let isWhole = !isKeyCharacter(before) && !isKeyCharacter(after)
            if isWhole {
                return "\(name):\(number + 1):\(body.distance(from: body.startIndex, to: range.lowerBound) + 1)"
            }
        }
        return name
    }

    private func isKeyCharacter(_ character: Character?) -> Bool {
        guard let character else { return false }
        return character.isLetter || character.isNumber || character == "_" || character == "-"
    }
}
