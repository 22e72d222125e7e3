public import Manifest
public import Units

/// What a right is used on: one model, or the whole cluster (a node that is denied), which only the pattern `*` covers.
public enum RightSubject: Sendable, CustomStringConvertible {
    /// A model's manifest, head or deny record.
    case model(ModelName)
    /// A node.
    case cluster

    func matches(_ patterns: [ModelPattern]) -> Bool {
        switch self {
        case .model(let model): patterns.contains { $0.matches(model) }
        case .cluster: patterns.contains(.all)
        }
    }

    /// For errors.
    public var description: String {
        switch self {
        case .model(let model): model.text
        case .cluster: "nodes"
        }
    }
}
