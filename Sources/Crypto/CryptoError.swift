/// Why a key, a certificate or a request could not be made or read.
public struct CryptoError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of fault it is.
    public enum Code: Hashable, Sendable {
        /// Not a P-256 key in the form that was asked for.
        case badKey
        /// Not a certificate that Shoal could use.
        case badCertificate
        /// Not a certificate request, or its signature is wrong.
        case badRequest
        /// The certificate is good, but says nothing about a node, or something untrue.
        case badIdentity
        /// The certificate was not issued by one of the given authorities.
        case unknownAuthority
        /// The certificate's life is over, or has not begun.
        case outsideValidity
        /// OpenSSL refused what should always work: no memory, or no randomness.
        case failed
    }

    /// What kind of fault it is.
    public let code: Code
    /// What was being done.
    public let operation: StaticString
    /// What was wrong, for people.
    public let detail: String

    /// `detail` names what was wrong, never a secret.
    public init(_ code: Code, _ operation: StaticString, _ detail: String) {
        self.code = code
        self.operation = operation
        self.detail = detail
    }

    /// What was being done, and what was wrong with it.
    public var description: String { "\(operation): \(detail)" }

    /// Equal in all three parts.
    public static func == (left: CryptoError, right: CryptoError) -> Bool {
        left.code == right.code && left.operation.description == right.operation.description
            && left.detail == right.detail
    }

    /// As `==` compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(operation.description)
        hasher.combine(detail)
    }

    /// With OpenSSL's own words, which are taken from its queue.
    static func openSSL(_ code: Code, _ operation: StaticString, _ otherwise: String) -> CryptoError {
        let texts = OpenSSL.drainErrors().map(\.text)
        return CryptoError(
            code, operation, texts.isEmpty ? otherwise : "\(otherwise) (\(texts.joined(separator: ", ")))")
    }
}
