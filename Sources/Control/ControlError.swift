/// How a command ends. The number is the process's exit code; the words are for people.
public struct ExitStatus: RawRepresentable, Hashable, Sendable, Codable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let done = ExitStatus(rawValue: 0)
    public static let failed = ExitStatus(rawValue: 1)
    /// `--wait` ran out.
    public static let notYet = ExitStatus(rawValue: 2)
    /// A hash or a signature is wrong.
    public static let verificationFailed = ExitStatus(rawValue: 3)
    public static let notFound = ExitStatus(rawValue: 4)
    public static let gateFailed = ExitStatus(rawValue: 5)
    public static let wrongUsage = ExitStatus(rawValue: 64)
    /// No agent answers on the control socket.
    public static let noAgent = ExitStatus(rawValue: 69)
    public static let tryAgain = ExitStatus(rawValue: 75)
    public static let notAllowed = ExitStatus(rawValue: 77)
    public static let badConfiguration = ExitStatus(rawValue: 78)
}

/// What went wrong, why, and what to do next; it travels over the control socket as it is.
public struct ControlError: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The exit code that a command ends with.
    public let exit: ExitStatus
    /// What failed and why, one sentence.
    public let message: String
    /// The next step; may be empty.
    public let hint: String

    public init(_ exit: ExitStatus, _ message: String, hint: String = "") {
        self.exit = exit
        self.message = message
        self.hint = hint
    }

    public var description: String { hint.isEmpty ? message : "\(message)\n  \(hint)" }
}
