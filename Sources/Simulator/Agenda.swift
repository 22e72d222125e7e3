/// What will happen, soonest first; of two happenings at one moment the one with the lower order.
///
/// Most of what happens does so soon. So the near future is a wheel of short slots, in which keys lie unsorted, and
/// only the slot that is being worked on is a heap: small enough for the processor's cache, however much is to happen.
/// What lies beyond the wheel waits in a heap of its own. What happens lies in a table beside the keys and never moves.
/// The order is `origin << 40 | the origin's own count`, so that it does not depend on who else is simulated where.
struct Agenda<Entry> {
    private static var slotCount: Int { 8192 }
    private let slotWidthBits: Int

    /// What happens before `slotEnd`. Invariant: it is empty only if all is.
    private var now = KeyHeap()
    private var slotEnd: Nanoseconds
    /// The next slots, each at its number modulo the slots' count.
    private var wheel: [[AgendaKey]] = Array(repeating: [], count: slotCount)
    private var wheelCount = 0
    /// What happens later still, and what did so when it was added.
    private var later = KeyHeap()

    private var entries: [Entry?] = []
    private var freePlaces: [Int32] = []

    /// - Parameter slotWidthBits: of a slot's width in nanoseconds: small where much happens.
    init(slotWidthBits: Int = 16) {
        self.slotWidthBits = slotWidthBits
        slotEnd = 1 << Nanoseconds(slotWidthBits)
    }

    /// When the next thing happens.
    var nextTime: Nanoseconds? { now.first?.time }
    var count: Int { now.count + wheelCount + later.count }

    mutating func add(_ entry: Entry, at time: Nanoseconds, order: UInt64) {
        let place: Int32
        if let free = freePlaces.popLast() {
            place = free
            entries[Int(free)] = entry
        } else {
            place = Int32(entries.count)
            entries.append(entry)
        }
        file(AgendaKey(time: time, order: order, place: place))
        if now.isEmpty { turn() }
    }

    private mutating func file(_ key: AgendaKey) {
        if key.time < slotEnd {
            now.add(key)
        } else if key.time - slotEnd < Nanoseconds(Self.slotCount - 1) << slotWidthBits {
            wheel[slot(of: key.time)].append(key)
            wheelCount += 1
        } else {
            later.add(key)
        }
    }

    private func slot(of time: Nanoseconds) -> Int {
        Int(time >> Nanoseconds(slotWidthBits)) & (Self.slotCount - 1)
    }

    /// Takes out what happens next.
    mutating func next() -> (time: Nanoseconds, order: UInt64, entry: Entry)? {
        guard let first = now.removeFirst(), let entry = entries[Int(first.place)].take() else { return nil }
        freePlaces.append(first.place)
        if now.isEmpty { turn() }
        return (first.time, first.order, entry)
    }

    /// Goes on to the next slot in which something happens.
    private mutating func turn() {
        while now.isEmpty {
            if wheelCount == 0 {
                guard let first = later.first else { return }
                slotEnd = (first.time >> Nanoseconds(slotWidthBits)) << Nanoseconds(slotWidthBits)
            }
            let place = slot(of: slotEnd)
            slotEnd += 1 << Nanoseconds(slotWidthBits)
            wheelCount -= wheel[place].count
            for key in wheel[place] { now.add(key) }
            wheel[place].removeAll(keepingCapacity: true)
            while let first = later.first, first.time < slotEnd {
                now.add(first)
                _ = later.removeFirst()
            }
        }
    }
}

/// When something happens, and where it lies in the agenda's table.
struct AgendaKey {
    let time: Nanoseconds
    let order: UInt64
    let place: Int32

    func precedes(_ other: AgendaKey) -> Bool { time != other.time ? time < other.time : order < other.order }
}

/// A heap with four children a parent.
struct KeyHeap {
    private var keys: [AgendaKey] = []

    var first: AgendaKey? { keys.first }
    var isEmpty: Bool { keys.isEmpty }
    var count: Int { keys.count }

    mutating func add(_ key: AgendaKey) {
        var child = keys.count
        keys.append(key)
        while child > 0 {
            let parent = (child - 1) >> 2
            guard key.precedes(keys[parent]) else { break }
            keys[child] = keys[parent]
            child = parent
        }
        keys[child] = key
    }

    mutating func removeFirst() -> AgendaKey? {
        guard let first = keys.first else { return nil }
        let last = keys.removeLast()
        if !keys.isEmpty { sink(last) }
        return first
    }

    /// Puts a key where the first was taken from.
    private mutating func sink(_ key: AgendaKey) {
        let count = keys.count
        var parent = 0
        while true {
            let first = parent << 2 + 1
            guard first < count else { break }
            var least = first
            for child in first + 1..<max(first + 1, min(first + 4, count)) where keys[child].precedes(keys[least]) {
                least = child
            }
            guard keys[least].precedes(key) else { break }
            keys[parent] = keys[least]
            parent = least
        }
        keys[parent] = key
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
