/// Numbers and tables for people.
enum Format {
    /// Binary units with one decimal, for example `86.7 MiB`.
    static func bytes(_ count: Int64) -> String {
        var value = Double(count)
        var unit = "B"
        for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1023.95 {  // what would be written as 1024.0
            value /= 1024
            unit = next
        }
        if unit == "B" { return "\(count) B" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }

    /// A whole percentage, 100 only when all is there; nothing of nothing is empty.
    static func percent(_ part: Int64, of whole: Int64) -> String {
        guard whole > 0 else { return "" }
        return part >= whole ? "100 %" : "\(min(99, Int64(Double(part) / Double(whole) * 100))) %"
    }

    /// A length of time with what matters of it, for example `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
    static func seconds(_ seconds: Double) -> String {
        if seconds < 9.95 {  // what would be written as 10.0
            let tenths = Int((max(0, seconds) * 10).rounded())
            return "\(tenths / 10).\(tenths % 10) s"
        }
        let whole = Int(min(seconds, 1e9).rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    /// Text of somebody else's on one line, without what a terminal would obey.
    static func line(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "?" : $0 }))
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.properties.isBidiControl
    }

    /// Columns padded to their widest cell, without trailing blanks.
    static func table(_ header: [String], _ rows: [[String]]) -> String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(
                separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
