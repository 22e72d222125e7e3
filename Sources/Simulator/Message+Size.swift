import Wire

extension Message {
    /// Bytes of the frame without its length field, without encoding it where that is easy to tell.
    var bodyByteCount: Int {
        switch self {
        case .holdings(let holdings): 42 + holdings.bitmap.count
        case .have(let list), .withdraw(let list): 35 + 4 * list.chunks.count
        case .leave: 33
        case .offer, .claim, .bad: 37
        case .request: 41
        case .cancel, .renew: 5
        case .refuse: 10
        case .ping, .pong: 9
        default: encode().count - 4
        }
    }
}
