internal import Units

/// Why bytes or values are no document.
public struct DocumentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of fault it is.
    public enum Code: Hashable, Sendable {
        /// The bytes end in the middle of a field.
        case truncated
        /// Bytes follow the last field.
        case trailing
        /// A number, a count or a length is beyond its bound.
        case outOfRange
        /// A field breaks a rule of its type, or the order of a list is not the canonical one.
        case invalid
        /// The format number is higher than this build knows: upgrade this agent. Nobody is to blame.
        case unknownFormat
        /// A layout that is canonical, but not the one that its manifest describes.
        case disagreement
    }

    /// What kind of fault it is.
    public let code: Code
    /// Which document: `root`, `manifest`, `head`, `deny`, `layout`, or `envelope`.
    public let document: String
    /// The field, in the words of `documents.md`.
    public let field: String
    /// What is wrong with it, for people; may be empty.
    public let detail: String

    /// An error of one field.
    public init(_ code: Code, document: String, field: String, detail: String = "") {
        self.code = code
        self.document = document
        self.field = field
        self.detail = detail
    }

    init(_ error: DecodingError, document: String) {
        let code: Code =
            switch error.code {
            case .truncated: .truncated
            case .trailing: .trailing
            case .outOfRange: .outOfRange
            case .invalid: .invalid
            case .unknownFormat: .unknownFormat
            }
        self.init(code, document: document, field: error.field.description)
    }

    /// For people.
    public var description: String {
        let fault =
            switch code {
            case .truncated: "the bytes end too early"
            case .trailing: "bytes are left over"
            case .outOfRange: "out of range"
            case .invalid: "not valid"
            case .unknownFormat: "written in a format that this build does not know: upgrade this agent"
            case .disagreement: "not what the manifest says"
            }
        return "\(document): \(field): \(detail.isEmpty ? fault : "\(fault): \(detail)")"
    }
}
