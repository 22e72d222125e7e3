/// Bytes with headers on the links over time, since the clock's start.
struct LinkSamples {
    let origin: Nanoseconds
    let width: Nanoseconds
    private(set) var seedSent: [Int] = []
    private(set) var othersSent: [Int] = []
    private(set) var othersReceived: [Int] = []
    private(set) var crossed: [Int] = []
    private static let countMax = 2_000

    init(origin: Nanoseconds, width: Nanoseconds) {
        self.origin = origin
        self.width = width
    }

    mutating func addSent(_ byteCount: Int, by node: NodeProfile, at time: Nanoseconds) {
        guard let place = place(of: time) else { return }
        if node.index == 0 {
            Self.add(byteCount, to: &seedSent, place)
        } else {
            Self.add(byteCount, to: &othersSent, place)
        }
    }

    mutating func addReceived(_ byteCount: Int, by node: NodeProfile, at time: Nanoseconds) {
        guard node.index > 0, let place = place(of: time) else { return }
        Self.add(byteCount, to: &othersReceived, place)
    }

    mutating func addCrossing(_ byteCount: Int, at time: Nanoseconds) {
        if let place = place(of: time) { Self.add(byteCount, to: &crossed, place) }
    }

    /// Adds what another shard saw.
    mutating func add(_ other: LinkSamples) {
        Self.add(other.seedSent, to: &seedSent)
        Self.add(other.othersSent, to: &othersSent)
        Self.add(other.othersReceived, to: &othersReceived)
        Self.add(other.crossed, to: &crossed)
    }

    private func place(of time: Nanoseconds) -> Int? {
        guard time >= origin else { return nil }
        return min(Int((time - origin) / width), Self.countMax - 1)
    }

    private static func add(_ byteCount: Int, to samples: inout [Int], _ place: Int) {
        while samples.count <= place { samples.append(0) }
        samples[place] += byteCount
    }

    private static func add(_ others: [Int], to samples: inout [Int]) {
        for (place, value) in others.enumerated() { add(value, to: &samples, place) }
    }
}
