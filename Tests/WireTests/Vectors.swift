import FoundationEssentials
import Testing
import Units

/// A JSON value, with integers up to 2^64 − 1.
enum JSON: Hashable, Decodable {
    case null
    case bool(Bool)
    case integer(UInt64)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        if let keyed = try? decoder.container(keyedBy: Key.self) {
            var object: [String: JSON] = [:]
            for key in keyed.allKeys { object[key.stringValue] = try keyed.decode(JSON.self, forKey: key) }
            self = .object(object)
        } else if var list = try? decoder.unkeyedContainer() {
            var elements: [JSON] = []
            while !list.isAtEnd { elements.append(try list.decode(JSON.self)) }
            self = .list(elements)
        } else {
            let value = try decoder.singleValueContainer()
            if let text = try? value.decode(String.self) {
                self = .text(text)
            } else if let integer = try? value.decode(UInt64.self) {
                self = .integer(integer)
            } else if let bool = try? value.decode(Bool.self) {
                self = .bool(bool)
            } else {
                self = .null
            }
        }
    }

    struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    subscript(_ key: String) -> JSON {
        if case .object(let object) = self { return object[key] ?? .null }
        return .null
    }

    var list: [JSON] { if case .list(let list) = self { list } else { [] } }
    var text: String { if case .text(let text) = self { text } else { "" } }
    var integer: UInt64 { if case .integer(let integer) = self { integer } else { .max } }
    var integers: [Int] { list.map { Int($0.integer) } }
    var bytes: [UInt8] { Hex.decode(text) ?? [] }

    static func hex(_ bytes: [UInt8]) -> JSON { .text(Hex.encode(bytes)) }
    static func number(_ value: some BinaryInteger) -> JSON { .integer(UInt64(value)) }
}

/// The files of `Protocol/vectors`, made by the second implementation.
enum Vectors {
    static let wire = read("wire.json")

    static func read(_ name: String) -> JSON {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        guard let data = FileManager.default.contents(atPath: "/\(root)/Protocol/vectors/\(name)"),
            let json = try? JSONDecoder().decode(JSON.self, from: data)
        else { return .null }
        return json
    }
}
