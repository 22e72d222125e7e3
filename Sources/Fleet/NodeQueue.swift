import DequeModule
import Units

/// What one neighbour is to be told of, or asked about: each node once, the longest waiting first.
struct NodeQueue: Sendable {
    /// Those that wait, and some that do not any more.
    private(set) var order: Deque<NodeID> = []
    private var waiting: Set<NodeID> = []

    var isEmpty: Bool { waiting.isEmpty }
    var count: Int { waiting.count }

    mutating func add(_ node: NodeID) { if waiting.insert(node).inserted { order.append(node) } }

    /// It needs not be told or asked any more.
    mutating func remove(_ node: NodeID) {
        waiting.remove(node)
        // Nobody takes from an empty queue, so what is left over would stay for ever.
        if waiting.isEmpty { order.removeAll(keepingCapacity: true) }
    }

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
