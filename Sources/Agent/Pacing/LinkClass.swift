internal import Swarm

/// A kind of links, by how near the other end is: what limits and congestion control may be set for.
///
/// By labels; where they say nothing, by the round trip.
public enum LinkClass: String, CaseIterable, Hashable, Comparable, Sendable {
    case host
    case rack
    case zone
    case region
    case far

    init(_ distance: Distance) {
        self =
            switch distance {
            case .sameHost: .host
            case .sameRack: .rack
            case .sameZone: .zone
            case .sameRegion: .region
            case .far: .far
            }
    }

    private var rank: Int {
        switch self {
        case .host: 0
        case .rack: 1
        case .zone: 2
        case .region: 3
        case .far: 4
        }
    }

    /// The nearer first.
    public static func < (left: LinkClass, right: LinkClass) -> Bool { left.rank < right.rank }

    /// For errors.
    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
