internal import EventLoop
internal import Manifest
internal import Store
internal import Trust
internal import Units

/// What `status` says of the node as a whole.
enum AgentHealth: String {
    case running
    /// The clock stands before the root was issued: certificates and heads cannot be judged.
    case clockWrong = "clock-wrong"
    case readOnly = "read-only"
    case full
}

extension Agent {
    /// The worst that is known now.
    var health: AgentHealth {
        if Clock.wallTime() < trust.root.value.issued { return .clockWrong }
        switch library.lastWriteFailure?.code {
        case .diskFull?: return .full
        case .readOnly?: return .readOnly
        default: return .running
        }
    }
}
