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
