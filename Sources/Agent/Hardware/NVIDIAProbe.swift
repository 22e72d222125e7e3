internal import Glibc

/// Compute capabilities, which only NVIDIA's own tool tells.
enum NVIDIAProbe {
    /// Such as 90 for 9.0; descending, none twice; empty where the tool is missing or does not answer in 5 s. Blocks.
    static func capabilities() -> [Int] {
        let command = "timeout -k 1 5 nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null"
        guard let stream = unsafe popen(command, "re") else { return [] }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe fread(buffer.baseAddress, 1, buffer.count, stream)
        }
        _ = unsafe pclose(stream)
        return parse(String(decoding: bytes.prefix(count), as: UTF8.self))
    }

    /// One number with a dot a line.
    static func parse(_ text: String) -> [Int] {
        let found = text.split(whereSeparator: \.isWhitespace).compactMap { word -> Int? in
            let parts = word.split(separator: ".").map { Int($0) }
            guard parts.count == 2, let major = parts[0], let minor = parts[1], (1...99).contains(major),
                (0...9).contains(minor)
            else {
                return nil
            }
            return major * 10 + minor
        }
        return Set(found).sorted(by: >)
    }
}
