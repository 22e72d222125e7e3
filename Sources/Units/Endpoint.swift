/// An IPv4 or IPv6 address, without a zone.
public struct IPAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Four or sixteen bytes, as on the wire.
    public let bytes: [UInt8]

    /// Nil unless there are 4 or 16 bytes. An IPv4 address mapped into IPv6 becomes the IPv4 address.
    public init?(_ bytes: some Collection<UInt8>) {
        let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]
        switch bytes.count {
        case 4: self.bytes = Array(bytes)
        case 16: self.bytes = bytes.starts(with: mappedPrefix) ? Array(bytes.dropFirst(12)) : Array(bytes)
        default: return nil
        }
    }

    /// True for 0.0.0.0 and `::`, which name no host.
    public var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    /// True for 127.0.0.0/8 and `::1`.
    public var isLoopback: Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
    }

    /// Dotted decimal, or hexadecimal groups of IPv6 without compression.
    public var description: String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        return groups.map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// IPv4 before IPv6, then by the bytes.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.bytes.count == right.bytes.count
            ? left.bytes.lexicographicallyPrecedes(right.bytes) : left.bytes.count < right.bytes.count
    }
}

/// Where an agent listens.
public struct Endpoint: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The host's address.
    public let address: IPAddress
    /// The TCP port.
    public let port: UInt16

    /// Any port is taken as it is, 0 too.
    public init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `127.0.0.1:7447` or `[fe80:…]:7447`.
    public var description: String { address.bytes.count == 4 ? "\(address):\(port)" : "[\(address)]:\(port)" }

    /// By address, then by port.
    public static func < (left: Endpoint, right: Endpoint) -> Bool {
        left.address == right.address ? left.port < right.port : left.address < right.address
    }
}
