/// How a command ends. The number is the process's exit code; the words are for people.
public struct ExitStatus: RawRepresentable, Hashable, Sendable, Codable {
    /// What the process exits with.
    public let rawValue: Int32
    /// For a number from the wire; a build knows only those below by name.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// What was asked for has happened.
    public static let done = ExitStatus(rawValue: 0)
    /// It did not work, for a reason that has no number of its own.
    public static let failed = ExitStatus(rawValue: 1)
    /// `--wait` ran out.
    public static let notYet = ExitStatus(rawValue: 2)
    /// A hash or a signature is wrong.
    public static let verificationFailed = ExitStatus(rawValue: 3)
    /// No such model, version, channel or node is known.
    public static let notFound = ExitStatus(rawValue: 4)
    /// A version did not pass one of its checks.
    public static let gateFailed = ExitStatus(rawValue: 5)
    /// The command line or the request is wrong: asking again is no use.
    public static let wrongUsage = ExitStatus(rawValue: 64)
    /// No agent answers on the control socket.
    public static let noAgent = ExitStatus(rawValue: 69)
    /// Somebody was faster, or a resource is used up for now: the same again may work.
    public static let tryAgain = ExitStatus(rawValue: 75)
    /// This user, node or key may not do it.
    public static let notAllowed = ExitStatus(rawValue: 77)
    /// The configuration file or the state folder cannot be used.
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

    /// `hint` is a sentence of its own; leave it out where there is nothing to do.
    public init(_ exit: ExitStatus, _ message: String, hint: String = "") {
        self.exit = exit
        self.message = message
        self.hint = hint
    }

    /// For people: the message, and the hint on a line below it.
    public var description: String { hint.isEmpty ? message : "\(message)\n  \(hint)" }
}
