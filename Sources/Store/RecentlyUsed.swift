/// At most `capacity` values; the one that was not used for longest goes first. For small capacities: making room is
/// O(n).
struct RecentlyUsed<Key: Hashable, Value> {
    let capacity: Int
    private var values: [Key: (value: Value, tick: UInt64)] = [:]
    private var tick: UInt64 = 0

    init(capacity: Int) {
        precondition(capacity > 0, "a cache of \(capacity)")
        self.capacity = capacity
    }

    /// Reading counts as use.
    subscript(key: Key) -> Value? {
        mutating get {
            guard let found = values[key] else { return nil }
            tick += 1
            values[key] = (found.value, tick)
            return found.value
        }
    }

    mutating func insert(_ value: Value, for key: Key) {
        if values[key] == nil, values.count >= capacity,
            let oldest = values.min(by: { $0.value.tick < $1.value.tick })?.key
        {
            values[oldest] = nil
        }
        tick += 1
        values[key] = (value, tick)
    }

    mutating func removeAll(where matches: (Key) -> Bool) { values = values.filter { !matches($0.key) } }
}

extension RecentlyUsed: Sendable where Key: Sendable, Value: Sendable {}
