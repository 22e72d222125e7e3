import Units

/// The neighbours in the order of coming, of whom there are a few dozen: keys are searched one after the other, which
/// is faster than hashing, and a value is changed where it lies.
struct NeighbourTable: Sendable {
    private(set) var keys: [NodeID] = []
    /// In the order of the keys. Their number is not changed from outside.
    var values: [Acquaintance] = []

    /// Where a neighbour is, until one is removed.
    func place(of key: NodeID) -> Int? { keys.firstIndex(of: key) }

    /// - Precondition: it is not there yet.
    mutating func add(_ key: NodeID, _ value: Acquaintance) {
        keys.append(key)
        values.append(value)
    }

    mutating func remove(_ key: NodeID) {
        guard let place = place(of: key) else { return }
        keys.remove(at: place)
        values.remove(at: place)
    }
}
