public import Manifest
public import Units

/// Which adapter serves which models, as the configuration says. Texts may hold `{model}`, the model's name with `@` in
/// the place of `/`, and `{name}`, its last part.
public struct AdapterRule: Sendable {
    /// The models.
    public let models: [ModelPattern]
    /// How their server is spoken to.
    public let kind: AdapterKind

    /// A rule.
    public init(models: [ModelPattern], kind: AdapterKind) {
        self.models = models
        self.kind = kind
    }

    /// Whether the rule is for a model.
    public func covers(_ model: ModelName) -> Bool { models.contains { $0.matches(model) } }
}

extension AdapterRule {
    /// What every text may hold.
    public static let placeholders = ["{model}", "{name}"]

    /// The first name in braces that means nothing here, such as `{modle}`; nil if all is well.
    public static func unknownPlaceholder(in text: String, known: [String] = placeholders) -> String? {
        var rest = text[...]
        while let brace = rest.firstIndex(of: "{") {
            rest = rest[brace...]
            let name = rest.dropFirst().prefix { $0.isASCII && ($0.isLetter || $0 == "_") }
            let whole = "{\(name)}"
            if !name.isEmpty, rest.hasPrefix(whole), !known.contains(whole) { return whole }
            rest = rest.dropFirst()
        }
        return nil
    }
}

/// How a server is spoken to.
public enum AdapterKind: Sendable {
    /// The model repository extension of the Open Inference Protocol: Triton, MLServer, KServe.
    case v2(RepositoryServer)
    /// A folder of numbers, of which the server takes the highest by itself: TensorFlow Serving, OpenVINO Model Server.
    case versionDirectory(VersionFolderServer)
    /// A command for each verb.
    case exec(CommandServer)
    /// The messages of `handoff/1` over HTTP.
    case http(MessageServer)
    /// A process for each version, which the agent starts and ends.
    case process(ProcessServer)
}

/// A server with a model repository.
public struct RepositoryServer: Sendable {
    /// What the server reads.
    public enum Layout: String, Sendable, CaseIterable {
        /// A link to a version's folder.
        case link
        /// A folder in which numbers, each a link to a version's folder, are versions.
        case numbered
    }

    /// `http://host:port`, without the path.
    public var url: String
    /// The model's name on the server.
    public var model: String
    /// What the server reads.
    public var layout: Layout
    /// The link, or the folder of numbers; nil for the link that the agent makes below its state folder.
    public var path: String?
    /// Sent with every request, such as `Authorization`.
    public var headers: [String: String]

    /// A server; the model is known by the last part of its name.
    public init(
        url: String, model: String = "{name}", layout: Layout = .link, path: String? = nil,
        headers: [String: String] = [:]
    ) {
        self.url = url
        self.model = model
        self.layout = layout
        self.path = path
        self.headers = headers
    }
}

/// A server that watches a folder of numbers.
public struct VersionFolderServer: Sendable {
    /// `http://host:port` of its REST interface, without the path.
    public var url: String
    /// The model's name on the server.
    public var model: String
    /// The model's folder, in which numbers are versions.
    public var path: String
    /// Posted to after each change, such as `/v1/config/reload`, for a server that does not look by itself.
    public var reloadPath: String?
    /// Sent with every request, such as `Authorization`.
    public var headers: [String: String]

    /// A server; the model is known by the last part of its name.
    public init(
        url: String, model: String = "{name}", path: String, reloadPath: String? = nil, headers: [String: String] = [:]
    ) {
        self.url = url
        self.model = model
        self.path = path
        self.reloadPath = reloadPath
        self.headers = headers
    }
}

/// A command that carries out each verb.
public struct CommandServer: Sendable {
    /// The program and its arguments.
    public var command: [String]
    /// Put on top of the agent's own environment.
    public var environment: [String: String]
    /// Where it starts; nil for where the agent is.
    public var folder: String?
    /// The link; nil for the one that the agent makes below its state folder.
    public var path: String?

    /// - Precondition: there is a program.
    public init(
        command: [String], environment: [String: String] = [:], folder: String? = nil, path: String? = nil
    ) {
        precondition(!command.isEmpty, "a command without a program")
        self.command = command
        self.environment = environment
        self.folder = folder
        self.path = path
    }
}

/// A server that takes the messages of `handoff/1` at one address.
public struct MessageServer: Sendable {
    /// Where they are posted.
    public var url: String
    /// Sent with every request, such as `Authorization`.
    public var headers: [String: String]

    /// A server.
    public init(url: String, headers: [String: String] = [:]) {
        self.url = url
        self.headers = headers
    }
}

/// A process for each version. Texts may hold `{path}`, `{port}`, `{digest}`, `{version}` and `{variant}` as well.
public struct ProcessServer: Sendable {
    /// The program and its arguments.
    public var command: [String]
    /// The URL that answers 2xx once the process can serve.
    public var health: String
    /// Moves requests to the new process; empty for nothing.
    public var switchCommand: [String] = []
    /// Ports to give to processes; empty for any that is free.
    public var ports: [UInt16] = []
    /// Put on top of the agent's own environment.
    public var environment: [String: String] = [:]
    /// Where it starts; nil for where the agent is.
    public var folder: String?
    /// The link; nil for the one that the agent makes below its state folder.
    public var path: String?
    /// From the switch to the end of the last request on the old process.
    public var drain: Duration = .seconds(Limits.adapterDrainSecondsDefault)
    /// From SIGTERM to SIGKILL.
    public var stop: Duration = .seconds(Limits.adapterStopSecondsDefault)
    /// Whether there is room for one process only: the old one is ended before the new one is started.
    public var isExclusive = false

    /// What the texts may hold beside what those of every adapter may.
    public static let placeholders = ["{path}", "{port}", "{digest}", "{version}", "{variant}"]

    /// - Precondition: there is a program.
    public init(command: [String], health: String) {
        precondition(!command.isEmpty, "a command without a program")
        self.command = command
        self.health = health
    }
}

/// Puts values in the place of names in braces.
struct Template {
    private var values: [(name: String, value: String)]

    /// What every text of a rule may hold.
    init(_ model: ModelName) {
        values = [("{model}", Self.escaped(model)), ("{name}", model.parts.last ?? model.text)]
    }

    func with(_ name: String, _ value: String) -> Template {
        var more = self
        more.values.append(("{\(name)}", value))
        return more
    }

    /// What is put in is not looked through again.
    func filled(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let brace = rest.firstIndex(of: "{") {
            result += rest[..<brace]
            rest = rest[brace...]
            if let known = values.first(where: { rest.hasPrefix($0.name) }) {
                result += known.value
                rest = rest.dropFirst(known.name.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result + rest
    }

    /// One part of a path. No model's name has an `@`.
    static func escaped(_ model: ModelName) -> String { model.parts.joined(separator: "@") }
}
