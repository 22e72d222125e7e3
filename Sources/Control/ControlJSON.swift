internal import FoundationEssentials

/// JSON as the control socket and `--json` use it: snake_case keys, sorted, on one line.
public enum ControlJSON {
    /// One line without its newline.
    public static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            preconditionFailure("a value of type \(type(of: value)) has no JSON")
        }
        return Array(data)
    }

    /// Indented, for people who look at `--json`.
    public static func pretty(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        guard let data = try? encoder.encode(value) else {
            preconditionFailure("a value of type \(type(of: value)) has no JSON")
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// - Throws: a `wrongUsage` error that names the field.
    public static func decode<T: Decodable>(_ type: T.Type, from line: [UInt8]) throws(ControlError) -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(type, from: Data(line))
        } catch {
            throw ControlError(.wrongUsage, "not a message of the control API: \(error)")
        }
    }
}
