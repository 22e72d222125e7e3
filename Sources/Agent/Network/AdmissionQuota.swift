internal import EventLoop
internal import Units

/// Sockets that have not proved who they are: few, short, and not all from one address.
///
/// Invariant: `waiting` is in the order of arrival and holds at most `countMax` streams.
@LoopActor
final class AdmissionQuota {
    private struct Entry {
        let id: ObjectIdentifier
        let address: IPAddress?
        let drop: @LoopActor () -> Void
        let deadline: LoopTimer
    }

    private let countMax: Int
    private let countPerAddressMax: Int
    private let patience: Duration
    private var waiting: [Entry] = []

    init(countMax: Int, countPerAddressMax: Int, patience: Duration) {
        self.countMax = countMax
        self.countPerAddressMax = countPerAddressMax
        self.patience = patience
    }

    /// Admits a socket until `release`; `drop` is called when its time is over, or when it is the oldest of too many.
    func admit(_ socket: AnyObject, from address: IPAddress?, drop: @escaping @LoopActor () -> Void) {
        if let address, !address.isLoopback {
            let fromThere = waiting.filter { $0.address == address }
            if fromThere.count >= countPerAddressMax, let oldest = fromThere.first { expire(oldest.id) }
        }
        if waiting.count >= countMax, let oldest = waiting.first { expire(oldest.id) }
        let id = ObjectIdentifier(socket)
        let deadline = LoopTimer { [weak self] in self?.expire(id) }
        deadline.start(after: patience)
        waiting.append(Entry(id: id, address: address, drop: drop, deadline: deadline))
    }

    /// The socket proved itself, or is gone.
    func release(_ socket: AnyObject) { _ = take(ObjectIdentifier(socket)) }

    /// Drops all of them.
    func close() {
        for entry in waiting { expire(entry.id) }
    }

    private func expire(_ id: ObjectIdentifier) { take(id)?.drop() }

    private func take(_ id: ObjectIdentifier) -> Entry? {
        guard let position = waiting.firstIndex(where: { $0.id == id }) else { return nil }
        waiting[position].deadline.close()
        return waiting.remove(at: position)
    }
}
