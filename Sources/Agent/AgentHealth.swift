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

extension AgentHealth {
    /// What an error in writing says of the disk; nil if nothing.
    init?(writing error: any Error) {
        switch error {
        case let error as StoreError where error.code == .diskFull: self = .full
        case let error as StoreError where error.code == .readOnly: self = .readOnly
        case let error as TrustError where error.code == .full: self = .full
        case let error as TrustError where error.code == .readOnly: self = .readOnly
        default: return nil
        }
    }
}

extension Agent {
    /// The worst that is known now.
    var health: AgentHealth {
        if Clock.wallTime() < trust.root.value.issued { return .clockWrong }
        return library.obstacle ?? exchange.keepFailure.flatMap(AgentHealth.init(writing:)) ?? .running
    }
}
