/// What will happen, soonest first; of two happenings at one moment the one with the lower order.
///
/// A heap with four children a parent over keys of 24 bytes; what happens lies in a table beside it and never moves.
/// The order is `origin << 40 | the origin's own count`, so that it does not depend on who else is simulated where.
struct Agenda<Entry> {
    private struct Key {
        let time: Nanoseconds
        let order: UInt64
        let place: Int32

        func precedes(_ other: Key) -> Bool { time != other.time ? time < other.time : order < other.order }
    }

    private var heap: [Key] = []
    private var entries: [Entry?] = []
    private var freePlaces: [Int32] = []

    /// When the next thing happens.
    var nextTime: Nanoseconds? { heap.first?.time }
    var count: Int { heap.count }

    mutating func add(_ entry: Entry, at time: Nanoseconds, order: UInt64) {
        let place: Int32
        if let free = freePlaces.popLast() {
            place = free
            entries[Int(free)] = entry
        } else {
            place = Int32(entries.count)
            entries.append(entry)
        }
        heap.append(Key(time: time, order: order, place: place))
        rise(from: heap.count - 1)
    }

    /// Takes out what happens next.
    mutating func next() -> (time: Nanoseconds, order: UInt64, entry: Entry)? {
        guard let first = heap.first, let entry = entries[Int(first.place)].take() else { return nil }
        freePlaces.append(first.place)
        let last = heap.removeLast()
        if !heap.isEmpty { sink(last) }
        return (first.time, first.order, entry)
    }

    private mutating func rise(from start: Int) {
        var child = start
        let key = heap[child]
        while child > 0 {
            let parent = (child - 1) >> 2
            guard key.precedes(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = key
    }

    /// Puts a key where the first was taken from.
    private mutating func sink(_ key: Key) {
        let count = heap.count
        var parent = 0
        while true {
            let first = parent << 2 + 1
            guard first < count else { break }
            var least = first
            for child in first + 1..<max(first + 1, min(first + 4, count)) where heap[child].precedes(heap[least]) {
                least = child
            }
            guard heap[least].precedes(key) else { break }
            heap[parent] = heap[least]
            parent = least
        }
        heap[parent] = key
    }
}

/// Simulated time since the start, or a span of it.
typealias Nanoseconds = Int64

extension Nanoseconds {
    /// Never: later than anything.
    static let never = Nanoseconds.max

    init(seconds: Double) { self = Nanoseconds((seconds * 1e9).rounded()) }
    var inSeconds: Double { Double(self) / 1e9 }
}
