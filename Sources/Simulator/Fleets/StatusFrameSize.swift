import Units
import Wire

extension Message {
    /// Bytes that a frame about status takes on a connection, with its length and with what TLS adds to what is written
    /// at once.
    var statusByteCount: Int {
        let content: Int
        switch self {
        case .statusNews(let news): content = 2 + 28 * news.count
        case .statusQuery(let questions): content = 2 + 17 * questions.count
        case .status(let frame): content = 8 + frame.record.count + frame.certificate.count
        default: preconditionFailure("\(type) is not about status")
        }
        return 5 + content + Self.tlsByteCount
    }

    /// Header, content type and tag of a TLS 1.3 record.
    private static var tlsByteCount: Int { 22 }
}
