/// Values by key, for a few dozen of them: keys are searched one after the other, which is faster than hashing.
/// The order changes when a row is removed, and is the same in each run.
struct SmallTable<Key: Equatable, Value> {
    private(set) var keys: [Key] = []
    /// In the order of the keys. Their number is not changed from outside.
    var values: [Value] = []

    var count: Int { keys.count }

    /// Where the key's value is, until a row is removed.
    func place(of key: Key) -> Int? {
        for place in keys.indices where keys[place] == key { return place }
        return nil
    }

    /// Setting nil removes the row.
    subscript(key: Key) -> Value? {
        get { place(of: key).map { values[$0] } }
        set {
            switch (place(of: key), newValue) {
            case (let place?, let value?): values[place] = value
            case (nil, let value?):
                keys.append(key)
                values.append(value)
            case (_?, nil): removeValue(forKey: key)
            case (nil, nil): break
            }
        }
    }

    @discardableResult
    mutating func removeValue(forKey key: Key) -> Value? {
        guard let place = place(of: key) else { return nil }
        keys.swapAt(place, keys.count - 1)
        keys.removeLast()
        values.swapAt(place, values.count - 1)
        return values.removeLast()
    }
}
