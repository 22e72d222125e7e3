internal import Units

extension Manifest {
    /// The rules of `documents.md`, section 4. O(n) in the size of the document, up to hashing.
    func validate() throws(DocumentError) {
        guard publishNumber >= 1 else { throw Self.fail(.outOfRange, "publish number") }
        guard isAllowed(created) else { throw Self.fail(.outOfRange, "created") }
        try chunking.validate()
        guard layout.byteCount <= Limits.layoutByteCountMax else { throw Self.fail(.outOfRange, "layout", "bytes") }
        guard layout.chunkCount <= chunking.chunkCountMax else {
            throw Self.fail(
                .outOfRange, "layout", "\(layout.chunkCount) chunks; \(chunking.chunkCountMax) are the most")
        }
        guard (1...Limits.variantCountMax).contains(variants.count) else {
            throw Self.fail(.outOfRange, "variants", "1 to \(Limits.variantCountMax)")
        }
        guard isAscending(variants.map(\.name)) else {
            throw Self.fail(.invalid, "variants", "not ascending by name, or twice the same")
        }
        guard fileCount <= Limits.fileCountMax else {
            throw Self.fail(.outOfRange, "files", "\(fileCount); \(Limits.fileCountMax) are the most")
        }
        var total: Int64 = 0
        for variant in variants {
            try Self.validate(variant)
            for file in variant.files {
                let (sum, overflow) = total.addingReportingOverflow(file.byteCount.value)
                guard !overflow else { throw Self.fail(.outOfRange, "file size") }
                total = sum
            }
        }
        let lineageLimit = (count: Limits.lineageCountMax, value: Limits.lineageValueByteCountMax)
        try Self.validate(lineage, "lineage", atMost: lineageLimit)
        try Self.validate(gates, "gates", atMost: (count: Limits.gateCountMax, value: Limits.gateValueByteCountMax))
    }

    private static func validate(_ variant: Variant) throws(DocumentError) {
        guard !variant.files.isEmpty else { throw fail(.outOfRange, "files", "variant \(variant.name) has none") }
        for (file, next) in zip(variant.files, variant.files.dropFirst()) where !(file.path < next.path) {
            throw fail(.invalid, "files", "not ascending by path at \(next.path)")
        }
        var folded: [[UInt8]: FilePath] = [:]
        folded.reserveCapacity(variant.files.count)
        for file in variant.files {
            if let other = folded.updateValue(file.path, forKey: file.path.foldedBytes) {
                throw fail(.invalid, "files", "\(other) and \(file.path) differ only in capitals")
            }
        }
        for file in variant.files {
            let bytes = file.path.foldedBytes
            for (position, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") {
                if let folder = folded[Array(bytes[..<position])] {
                    throw fail(.invalid, "files", "\(folder) is a file and the folder of \(file.path)")
                }
            }
        }
    }

    private static func validate(
        _ notes: [Note], _ field: String, atMost limit: (count: Int, value: Int)
    ) throws(DocumentError) {
        guard notes.count <= limit.count else { throw fail(.outOfRange, field, "at most \(limit.count)") }
        guard isAscendingByBytes(notes.map(\.key)) else {
            throw fail(.invalid, field, "not ascending, or twice the same")
        }
        for note in notes {
            guard (1...Limits.noteKeyByteCountMax).contains(note.key.utf8.count) else {
                throw fail(.outOfRange, field, "a key of \(note.key.utf8.count) bytes")
            }
            guard note.value.utf8.count <= limit.value else {
                throw fail(.outOfRange, field, "the value of \(note.key) has \(note.value.utf8.count) bytes")
            }
        }
    }

    private static func fail(_ code: DocumentError.Code, _ field: String, _ detail: String = "") -> DocumentError {
        DocumentError(code, document: "manifest", field: field, detail: detail)
    }
}
