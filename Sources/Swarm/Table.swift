/// Values by key in the order of their coming. Values are reached in place: nothing is copied to look at one field of
/// one, which is what the core does all the time. Most tables have a dozen rows, so keys are searched one after the
/// other; only large ones have an index beside.
///
/// Invariant: `keys` and `values` have the same places, and `index` has either no key or all.
struct Table<Key: Hashable & Sendable, Value: Sendable>: Sendable, Sequence, ExpressibleByDictionaryLiteral {
    /// In the order of their coming.
    private(set) var keys: [Key] = []
    /// In the order of the keys. Their number is not changed from outside.
    var values: [Value] = []
    private var index: [Key: Int] = [:]
    private static var searchedCountMax: Int { 256 }

    init() {}

    /// - Precondition: no key comes twice.
    init(dictionaryLiteral rows: (Key, Value)...) { for (key, value) in rows { append(key, value) } }

    var count: Int { keys.count }
    var isEmpty: Bool { keys.isEmpty }

    func makeIterator() -> AnyIterator<(key: Key, value: Value)> {
        var place = 0
        return AnyIterator {
            guard place < keys.count else { return nil }
            place += 1
            return (keys[place - 1], values[place - 1])
        }
    }

    /// The place of the key's value, until a row is removed.
    func index(forKey key: Key) -> Int? {
        if !index.isEmpty { return index[key] }
        for place in keys.indices where keys[place] == key { return place }
        return nil
    }

    /// Setting nil removes the row.
    subscript(key: Key) -> Value? {
        get { index(forKey: key).map { values[$0] } }
        set {
            guard let place = index(forKey: key) else { return append(key, newValue) }
            if let newValue { values[place] = newValue } else { removeRow(at: place) }
        }
        _modify {
            guard let place = index(forKey: key) else {
                var value: Value?
                defer { append(key, value) }
                yield &value
                return
            }
            // Out of the array, so that it has one owner while it changes.
            values.swapAt(place, values.count - 1)
            var value = values.popLast()
            defer { putBack(value, at: place) }
            yield &value
        }
    }

    @discardableResult
    mutating func removeValue(forKey key: Key) -> Value? {
        guard let place = index(forKey: key) else { return nil }
        return removeRow(at: place)
    }

    /// The oldest.
    /// - Precondition: there is one.
    @discardableResult
    mutating func removeFirst() -> (key: Key, value: Value) { (keys[0], removeRow(at: 0)) }

    private mutating func append(_ key: Key, _ value: Value?) {
        guard let value else { return }
        keys.append(key)
        values.append(value)
        if !index.isEmpty { index[key] = keys.count - 1 } else if keys.count > Self.searchedCountMax { reindex() }
    }

    @discardableResult
    private mutating func removeRow(at place: Int) -> Value {
        keys.remove(at: place)
        if !index.isEmpty { reindex() }
        return values.remove(at: place)
    }

    private mutating func putBack(_ value: Value?, at place: Int) {
        guard let value else {
            // What was last stands where the row was.
            if place < values.count { values.append(values.remove(at: place)) }
            keys.remove(at: place)
            return reindex()
        }
        values.append(value)
        values.swapAt(place, values.count - 1)
    }

    private mutating func reindex() {
        index.removeAll(keepingCapacity: keys.count > Self.searchedCountMax)
        guard keys.count > Self.searchedCountMax else { return }
        for (place, key) in keys.enumerated() { index[key] = place }
    }
}
