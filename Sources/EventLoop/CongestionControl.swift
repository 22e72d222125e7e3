internal import Glibc

/// Names of TCP's congestion controls.
public enum CongestionControl {
    /// Those that Linux has or had a module for. A kernel may be built without.
    private static let names: Set<String> = [
        "bbr", "bbr1", "bbr2", "bbr3", "bic", "cdg", "cubic", "dctcp", "highspeed", "htcp", "hybla", "illinois", "lp",
        "nv", "prague", "reno", "scalable", "vegas", "veno", "westwood", "yeah",
    ]

    /// Those that this kernel has loaded; empty if it does not say.
    public static var available: [String] { words(of: "tcp_available_congestion_control") }

    /// The one that connections have unless told otherwise; nil if the kernel does not say.
    public static var kernelDefault: String? { words(of: "tcp_congestion_control").first }

    private static func words(of name: String) -> [String] {
        let file = unsafe open("/proc/sys/net/ipv4/\(name)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        return text.split { $0.isWhitespace }.map { String($0) }
    }

    /// Whether a name is one at all: some Linux kernel has it, or this one.
    public static func isKnown(_ name: String) -> Bool { names.contains(name) || available.contains(name) }
}
