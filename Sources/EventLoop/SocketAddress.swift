internal import CLibuv
internal import Glibc
internal import Units

/// Endpoints as the kernel has them.
enum SocketAddress {
    /// Calls `body` with the endpoint's `sockaddr`.
    static func withPointer<R>(to endpoint: Endpoint, _ body: (UnsafePointer<sockaddr>) -> R) -> R {
        var storage = sockaddr_storage()
        let isIPv4 = endpoint.address.bytes.count == 4
        unsafe withUnsafeMutableBytes(of: &storage) { raw in
            unsafe raw.storeBytes(of: UInt16(isIPv4 ? AF_INET : AF_INET6), as: UInt16.self)
            unsafe raw.storeBytes(of: endpoint.port.bigEndian, toByteOffset: 2, as: UInt16.self)
            // After the port come IPv4's address, or IPv6's flow label and then its address.
            let start = isIPv4 ? 4 : 8
            for (index, byte) in endpoint.address.bytes.enumerated() { unsafe raw[start + index] = byte }
        }
        return unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0) }
        }
    }

    /// The endpoint in a `sockaddr`; nil for other families.
    static func endpoint(_ address: UnsafePointer<sockaddr>) -> Endpoint? {
        let family = unsafe Int32(address.pointee.sa_family)
        guard family == AF_INET || family == AF_INET6 else { return nil }
        let raw = unsafe UnsafeRawPointer(address)
        let port = unsafe UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self))
        let (start, count) = family == AF_INET ? (4, 4) : (8, 16)
        let bytes = unsafe UnsafeRawBufferPointer(start: raw + start, count: count)
        return unsafe IPAddress(bytes).map { Endpoint(address: $0, port: port) }
    }

    /// The endpoint that a call like `getpeername` writes, nil if it fails.
    static func read(_ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<Int32>) -> Int32) -> Endpoint? {
        var storage = sockaddr_storage()
        var byteCount = Int32(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe call(address, &byteCount) == 0 ? endpoint(address) : nil
            }
        }
    }

    /// Refuses what the kernel's field cannot hold, which libuv would cut off.
    static func requireUsable(unixPath: String, for operation: StaticString) throws(LoopError) {
        guard !unixPath.isEmpty, !unixPath.utf8.contains(0) else {
            throw LoopError(.invalid, operation, "a socket's path must not be empty or contain NUL")
        }
        guard unixPath.utf8.count <= Limits.unixPathByteCountMax else {
            throw LoopError(
                .invalid, operation,
                "the socket path \(unixPath) has \(unixPath.utf8.count) bytes, and the system allows "
                    + "\(Limits.unixPathByteCountMax): choose a shorter state folder")
        }
    }
}
