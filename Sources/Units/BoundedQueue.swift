/// First in, first out, with a bound that is part of the type's promise.
public struct BoundedQueue<Element> {
    /// The most elements that it holds.
    public let capacity: Int
    private var elements: [Element?] = []
    private var head = 0

    /// - Precondition: `capacity` is positive.
    public init(capacity: Int) {
        precondition(capacity > 0, "a queue of \(capacity)")
        self.capacity = capacity
    }

    /// How many elements wait.
    public var count: Int { elements.count - head }

    /// True if nothing waits.
    public var isEmpty: Bool { count == 0 }

    /// Adds at the end; false, and nothing changes, if the queue is full.
    public mutating func append(_ element: Element) -> Bool {
        guard count < capacity else { return false }
        elements.append(element)
        return true
    }

    /// Takes the oldest. Amortised O(1).
    public mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        elements[head] = nil
        head += 1
        if head > 32, head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }
}

extension BoundedQueue: Sendable where Element: Sendable {}
