internal import Units

/// The header of a safetensors file: its length in 8 bytes, and JSON that says where each tensor is.
///
/// Source: the format's description in github.com/huggingface/safetensors; the rules are those of
/// `Protocol/documents.md`, section 8.
enum SafetensorsHeader {
    static func read(_ prefix: ArraySlice<UInt8>, fileByteCount: Int64) -> TensorHeader {
        guard prefix.count >= 9 else { return .opaque(reason: nil) }
        let length = prefix.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard isBegin(prefix[prefix.startIndex + 8]), length >= 2, length <= UInt64(max(0, fileByteCount - 8)) else {
            return .opaque(reason: nil)
        }
        guard length <= UInt64(Limits.tensorHeaderByteCountMax) else {
            return .opaque(
                reason: "the header has \(length) bytes, and \(Limits.tensorHeaderByteCountMax) are the most")
        }
        let headerByteCount = 8 + Int(length)
        guard prefix.count >= headerByteCount else { return .needsMore(headerByteCount) }
        let json = prefix[(prefix.startIndex + 8)..<(prefix.startIndex + headerByteCount)]
        do throws(JSONFault) {
            let begins = try tensorBegins(json, dataByteCount: UInt64(fileByteCount) - UInt64(headerByteCount))
            return .tensors(
                TensorFile(
                    headerByteCount: Int64(headerByteCount), begins: begins.map { Int64(headerByteCount) + $0 },
                    fileByteCount: fileByteCount))
        } catch {
            return .opaque(reason: "the header is not valid, \(error)")
        }
    }

    /// An object, perhaps after blanks.
    private static func isBegin(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "{") || byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// Where each tensor begins, counted from the header's end.
    private static func tensorBegins(_ json: ArraySlice<UInt8>, dataByteCount: UInt64) throws(JSONFault) -> [Int64] {
        var scanner = JSONScanner(json, depthMax: Limits.tensorHeaderDepthMax)
        var begins: [Int64] = []
        try scanner.members { (scanner, name) throws(JSONFault) in
            if name.elementsEqual("__metadata__".utf8) { return try scanner.skip() }
            begins.append(try begin(&scanner, dataByteCount))
        }
        try scanner.requireEnd()
        return begins
    }

    private static func begin(_ scanner: inout JSONScanner, _ dataByteCount: UInt64) throws(JSONFault) -> Int64 {
        var places: [Int64] = []
        try scanner.members { (scanner, name) throws(JSONFault) in
            guard name.elementsEqual("data_offsets".utf8) else { return try scanner.skip() }
            var offsets: [UInt64] = []
            try scanner.elements { (scanner) throws(JSONFault) in
                guard offsets.count < 2 else { throw scanner.fault("two offsets") }
                offsets.append(try scanner.unsignedInteger())
            }
            guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= dataByteCount else {
                throw scanner.fault("two ascending offsets within the file")
            }
            places.append(Int64(offsets[0]))
        }
        guard places.count == 1 else { throw scanner.fault("data_offsets once") }
        return places[0]
    }
}
