internal import Units

/// A neighbour's bytes break the protocol: send GOODBYE with the code, and close.
public struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What GOODBYE says.
    public let code: GoodbyeCode
    /// The frame's type, if it was read.
    public let type: UInt8?
    /// The field that is wrong.
    public let field: String

    /// An error of one field of one frame.
    public init(_ code: GoodbyeCode, type: UInt8?, field: String) {
        self.code = code
        self.type = type
        self.field = field
    }

    /// For people.
    public var description: String {
        guard let type else { return "\(code): \(field)" }
        let name = FrameType(rawValue: type)?.description ?? "frame 0x" + Hex.encode([type])
        return "\(code): \(name), \(field)"
    }
}
