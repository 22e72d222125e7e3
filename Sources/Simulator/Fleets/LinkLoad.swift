/// Bytes that went one way along one link, and the most of any second: to a tenth of a second.
struct LinkLoad {
    private static let slotNanoseconds: Nanoseconds = 100_000_000
    private static let slotCount = 10

    private(set) var byteCount = 0
    private(set) var peakByteCount: Int32 = 0
    /// Bytes of the last ten slots, each at its number modulo ten.
    private var slots: InlineArray<10, Int32> = .init(repeating: 0)
    private var newest: Int64 = 0
    private var sum: Int32 = 0

    mutating func add(_ count: Int, at time: Nanoseconds) {
        let slot = time / Self.slotNanoseconds
        if slot - newest >= Int64(Self.slotCount) {
            slots = .init(repeating: 0)
            sum = 0
            newest = slot
        }
        while newest < slot {
            newest += 1
            let place = Int(newest) % Self.slotCount
            sum -= slots[place]
            slots[place] = 0
        }
        slots[Int(slot) % Self.slotCount] += Int32(count)
        sum += Int32(count)
        byteCount += count
        peakByteCount = max(peakByteCount, sum)
    }
}
