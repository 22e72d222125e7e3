public import Units

/// Why something failed, in the words of the protocol.
public struct HandoffFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The codes of `Protocol/handoff.md`. One that is not in the list counts as `internal`.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// The files cannot be loaded.
        case loadFailed = "load_failed"
        /// No room beside the active version.
        case outOfMemory = "out_of_memory"
        /// The process cannot load files of this kind.
        case unsupportedFormat = "unsupported_format"
        /// The version does not run on the calibration inputs.
        case calibrationFailed = "calibration_failed"
        /// The process checked the files, and they are not what they should be.
        case digestMismatch = "digest_mismatch"
        /// The load was abandoned because of a release.
        case cancelled
        /// Another load is under way.
        case busy
        /// It took too long.
        case deadlineExceeded = "deadline_exceeded"
        /// The version is not in the process's memory.
        case notResident = "not_resident"
        /// Another version is active than was expected.
        case conflict
        /// Unknown type or value.
        case unsupported
        /// Not the form that the protocol describes.
        case badMessage = "bad_message"
        /// Anything else.
        case `internal`
        /// This user may not bind this model.
        case notAllowed = "not_allowed"
        /// No version of the protocol in common.
        case unknownProtocol = "unknown_protocol"
        /// No hello in time.
        case helloTimeout = "hello_timeout"
        /// Silent for too long.
        case leaseExpired = "lease_expired"
        /// Another process has this instance's name.
        case instanceTaken = "instance_taken"
        /// The same process connected anew.
        case replaced
        /// As many processes are connected as may be.
        case tooMany = "too_many"
        /// The agent is about to end.
        case shuttingDown = "shutting_down"
    }

    /// What kind of failure it is.
    public let code: Code
    /// One line for people, without control characters.
    public let message: String
    /// For `conflict`: what is active.
    public let active: Digest?
    /// Whether the same thing may succeed later, without anybody doing something about it.
    public let isRetryable: Bool

    /// Whatever is said of it, `busy` and its like are always retryable: they say nothing about a version.
    init(_ code: Code, _ message: String, active: Digest? = nil, isRetryable: Bool = false) {
        self.code = code
        self.message = message
        self.active = active
        self.isRetryable = isRetryable || code.isPassing
    }

    /// For logs and `shoal status`.
    public var description: String { message.isEmpty ? code.rawValue : "\(message) (\(code.rawValue))" }
}

extension HandoffFailure.Code {
    /// Whether time alone may mend it.
    fileprivate var isPassing: Bool {
        switch self {
        case .busy, .cancelled, .conflict, .notResident, .instanceTaken, .tooMany, .shuttingDown, .leaseExpired: true
        default: false
        }
    }
}

/// Text of an inference process, made fit for a log and for a terminal: one line, bounded, nothing that controls.
func plainText(_ text: String, byteCountMax: Int = Limits.handoffTextByteCountMax) -> String {
    var kept = String.UnicodeScalarView()
    var byteCount = 0
    for scalar in text.unicodeScalars {
        byteCount += UTF8.width(scalar)
        guard byteCount <= byteCountMax else { break }
        kept.append(scalar.properties.generalCategory.isControl ? " " : scalar)
    }
    return String(kept)
}

extension Unicode.GeneralCategory {
    fileprivate var isControl: Bool {
        switch self {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: true
        default: false
        }
    }
}
