internal import Glibc
public import Units

extension Endpoint {
    /// Reads `10.0.0.1:7447`, `[::1]:7447`, and, if there is a default port, `10.0.0.1`, `[::1]` and `::1`.
    ///
    /// Nil for anything else: a name, a zone, a port outside 0 to 65535, or none where there is no default.
    public init?(parsing text: String, defaultPort: UInt16?) {
        guard let parts = HostPort.split(text), let address = IPAddress(parsing: parts.host) else { return nil }
        // Brackets are for IPv6 only.
        if parts.isBracketed, address.bytes.count == 4, !parts.host.contains(":") { return nil }
        guard let port = parts.port ?? defaultPort else { return nil }
        self.init(address: address, port: port)
    }
}

extension IPAddress {
    /// Reads `10.0.0.1` or `fe80::1`; nil for anything else.
    public init?(parsing text: String) {
        var bytes = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &bytes) == 1 {
            self.init(bytes.prefix(4))
        } else if unsafe inet_pton(AF_INET6, text, &bytes) == 1 {
            self.init(bytes)
        } else {
            return nil
        }
    }
}

/// A host's name or address, and a port: what people write to say where a peer is.
public struct HostPort: Sendable, Hashable, CustomStringConvertible {
    /// A name, or an address without brackets.
    public let host: String
    /// The TCP port.
    public let port: UInt16

    /// Reads `node-1.example:7447`, `node-1`, and what `Endpoint(parsing:defaultPort:)` reads. Nil for anything else.
    public init?(_ text: String, defaultPort: UInt16) {
        guard let parts = HostPort.split(text) else { return nil }
        guard IPAddress(parsing: parts.host) != nil || !parts.isBracketed && HostPort.isName(parts.host) else {
            return nil
        }
        host = parts.host
        port = parts.port ?? defaultPort
    }

    /// As it is written, with brackets around IPv6.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The parts of `host`, `host:port`, `[host]`, `[host]:port` and of an IPv6 address without brackets.
    static func split(_ text: String) -> (host: String, port: UInt16?, isBracketed: Bool)? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let host = String(text[text.index(after: text.startIndex)..<end])
            let rest = text[text.index(after: end)...]
            if rest.isEmpty { return (host, nil, true) }
            guard rest.hasPrefix(":"), let port = port(rest.dropFirst()) else { return nil }
            return (host, port, true)
        }
        guard let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") else { return (text, nil, false) }
        guard let port = port(text[text.index(after: colon)...]) else { return nil }
        return (String(text[..<colon]), port, false)
    }

    /// Digits only; `UInt16` alone would take a sign.
    private static func port(_ text: Substring) -> UInt16? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt16(text) : nil
    }

    private static func isName(_ text: String) -> Bool {
        guard (1...Limits.hostNameByteCountMax).contains(text.utf8.count), text.first != "-", text.first != "." else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true  // 0-9 A-Z a-z - . _
            default: false
            }
        }
    }
}
