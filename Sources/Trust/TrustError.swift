/// Why something about keys, certificates or documents did not work.
public struct TrustError: Error, Sendable, CustomStringConvertible {
    /// What kind of fault it is.
    public enum Code: Sendable, Equatable {
        /// A file is missing: this state folder belongs to no cluster yet.
        case notJoined
        /// Something is there already that must not be overwritten.
        case exists
        /// A file, a key or a document is damaged or does not fit.
        case invalid
        /// The root does not entitle this key, or a rule of the cluster forbids it.
        case notAllowed
        /// The operating system does not let this user do it: exit code 77.
        case permission
        /// The folder is set up in a way that an agent must not start with: exit code 78.
        case misconfigured
        /// Written by a newer Shoal.
        case newerFormat
        /// No space is left on the file system.
        case full
        /// The file system takes no writes.
        case readOnly
        /// The file system failed.
        case io
        /// Try again later.
        case unavailable
        /// Another agent, somebody else's promotion, was faster.
        case overtaken
        /// What was asked for does not exist.
        case notFound
    }

    /// What kind of fault it is.
    public let code: Code
    /// One sentence, with the next step.
    public let description: String

    /// An error; `description` says what the user does next.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

extension TrustError {
    /// Nobody, or somebody else, answers where an issuer should.
    public init(unreachable text: String) { self.init(Code.unavailable, text) }

    /// An issuer's refusal, with the newcomer's next step.
    public init(refusedWith refusal: JoinRefusal, _ text: String) {
        let again = "make another there with `shoal token create`"
        switch refusal {
        case .unknown: self.init(.notAllowed, "the token is unknown to the agent that should have made it; \(again)")
        case .used: self.init(.notAllowed, "the token was used: each lets one node in; \(again)")
        case .expired: self.init(.notAllowed, "\(text); \(again)")
        case .nameTaken: self.init(.exists, text)
        case .denied:
            self.init(.notAllowed, "\(text): lift it with `shoal deny --lift`, or start with an empty state folder")
        case .badRequest: self.init(.invalid, text)
        case .unavailable: self.init(Code.unavailable, "\(text); try again later")
        }
    }
}
