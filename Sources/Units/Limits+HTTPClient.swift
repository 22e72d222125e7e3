/// Bounds of requests to servers on this machine or beside it.
extension Limits {
    /// The body of an answer; a longer one fails the request.
    public static let httpBodyByteCountMax = 1 << 20
    /// Bytes of a URL.
    public static let httpURLByteCountMax = 2_048
    /// Until the connection stands, TLS included.
    public static let httpConnectSeconds = 5
    /// Requests of one client that are under way at the same time.
    public static let httpTransferCountMax = 256
}
