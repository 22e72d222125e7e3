import DequeModule
import Units

/// What one neighbour is to be told of, or asked about: each node once, the longest waiting first.
struct NodeQueue: Sendable {
    /// Those that wait, and some that do not any more.
    private(set) var order: Deque<NodeID> = []
    private var waiting: Set<NodeID> = []

    var isEmpty: Bool { waiting.isEmpty }
    var count: Int { waiting.count }

    func contains(_ node: NodeID) -> Bool { waiting.contains(node) }

    mutating func add(_ node: NodeID) { if waiting.insert(node).inserted { order.append(node) } }

    /// It needs not be told or asked any more.
    mutating func remove(_ node: NodeID) {
        guard waiting.remove(node) != nil else { return }
        // Nobody may take from it for long, so what is left over would stay, and a node added again comes to its end.
        if waiting.isEmpty {
            order.removeAll(keepingCapacity: true)
        } else if order.count > 2 * waiting.count + Self.leftOverCountMax {
            var seen: Set<NodeID> = []
            order = Deque(order.filter { waiting.contains($0) && seen.insert($0).inserted })
        }
    }

    private static let leftOverCountMax = 64

    /// The one that waits longest.
    mutating func first() -> NodeID? {
        while let node = order.first {
            if waiting.contains(node) { return node }
            order.removeFirst()
        }
        return nil
    }

    /// The first ones, which wait no longer.
    mutating func take(_ count: Int) -> [NodeID] {
        var taken: [NodeID] = []
        while taken.count < count, let node = order.popFirst() {
            if waiting.remove(node) != nil { taken.append(node) }
        }
        return taken
    }
}
