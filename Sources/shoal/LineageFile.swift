import Control
import Files
import FoundationEssentials
import Manifest
import Units

/// Where a version comes from, as its publisher wrote it down: a JSON object. An object in it becomes names with dots
/// (`metrics.map50`), a list its JSON text.
enum LineageFile {
    /// - Throws: `ControlError` that names the file and what is wrong with it.
    static func read(_ path: String) throws(ControlError) -> [Note] {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try OutsideFile(path: path).readStart(byteCountMax: Limits.lineageFileByteCountMax + 1)
        } catch {
            throw ControlError(.notFound, "\(error)")
        }
        guard bytes.count <= Limits.lineageFileByteCountMax,
            let value = try? JSONDecoder().decode(Value.self, from: Data(bytes)), case .object(let members) = value
        else {
            throw ControlError(
                .failed, "\(path) is not a JSON object of at most \(Limits.lineageFileByteCountMax) bytes",
                hint: #"For example: {"dataset": "coco-2017", "metrics": {"map50": 0.51}, "licence": "MIT"}"#)
        }
        return try check(notes(of: members, under: ""), path)
    }

    private static func notes(of members: [String: Value], under prefix: String) -> [Note] {
        members.sorted { $0.key < $1.key }.flatMap { name, value -> [Note] in
            if case .object(let inner) = value { return notes(of: inner, under: "\(prefix)\(name).") }
            return [Note(key: prefix + name, value: value.text)]
        }
    }

    private static func check(_ notes: [Note], _ path: String) throws(ControlError) -> [Note] {
        guard notes.count <= Limits.lineageCountMax else {
            throw ControlError(
                .failed, "\(path) has \(notes.count) entries, and a lineage has at most \(Limits.lineageCountMax)")
        }
        var names: Set<String> = []
        for note in notes {
            guard names.insert(note.key).inserted else {
                throw ControlError(.failed, "\(path): \(note.key) is there twice")
            }
            guard !(note.key + note.value).unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
            else {
                throw ControlError(.failed, "\(path): \(note.key) has a control character, such as a line break")
            }
            guard (1...Limits.noteKeyByteCountMax).contains(note.key.utf8.count),
                note.value.utf8.count <= Limits.lineageValueByteCountMax
            else {
                throw ControlError(
                    .failed, "\(path): \(note.key) is too long",
                    hint: "A name has at most \(Limits.noteKeyByteCountMax) bytes, a value "
                        + "\(Limits.lineageValueByteCountMax).")
            }
        }
        return notes
    }

    /// Any JSON.
    private enum Value: Codable {
        case object([String: Value])
        case list([Value])
        case text(String)
        case integer(Int64)
        case number(Double)
        case flag(Bool)
        case none

        init(from decoder: any Decoder) throws {
            let single = try decoder.singleValueContainer()
            if single.decodeNil() {
                self = .none
            } else if let flag = try? single.decode(Bool.self) {
                self = .flag(flag)
            } else if let integer = try? single.decode(Int64.self) {
                self = .integer(integer)
            } else if let number = try? single.decode(Double.self) {
                self = .number(number)
            } else if let text = try? single.decode(String.self) {
                self = .text(text)
            } else if let list = try? single.decode([Value].self) {
                self = .list(list)
            } else {
                self = .object(try single.decode([String: Value].self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var single = encoder.singleValueContainer()
            switch self {
            case .object(let members): try single.encode(members)
            case .list(let list): try single.encode(list)
            case .text(let text): try single.encode(text)
            case .integer(let integer): try single.encode(integer)
            case .number(let number): try single.encode(number)
            case .flag(let flag): try single.encode(flag)
            case .none: try single.encodeNil()
            }
        }

        /// As it stands in the manifest.
        var text: String {
            switch self {
            case .text(let text): return text
            case .integer(let integer): return "\(integer)"
            case .number(let number): return "\(number)"
            case .flag(let flag): return "\(flag)"
            case .none: return ""
            case .object, .list:
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
            }
        }
    }
}
