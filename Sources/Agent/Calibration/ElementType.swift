/// The types of numbers that a calibration file may hold, by their names in safetensors.
///
/// Source: github.com/huggingface/safetensors, `safetensors/src/tensor.rs`, `Dtype`.
enum ElementType: String, Decodable {
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int64 = "I64"
    case int32 = "I32"
    case int16 = "I16"
    case int8 = "I8"
    case uint8 = "U8"
    case bool = "BOOL"

    var byteCount: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16: 2
        case .int8, .uint8, .bool: 1
        }
    }

    /// The numbers, of little-endian bytes.
    func numbers(_ bytes: [UInt8]) -> [Double] {
        unsafe bytes.withUnsafeBytes { buffer in
            stride(from: 0, to: buffer.count, by: byteCount).map { unsafe number(in: buffer, at: $0) }
        }
    }

    private func number(in buffer: UnsafeRawBufferPointer, at offset: Int) -> Double {
        switch self {
        case .float64: Double(bitPattern: unsafe Self.bits(buffer, offset))
        case .float32: Double(Float(bitPattern: unsafe Self.bits(buffer, offset)))
        case .float16: Double(Float16(bitPattern: unsafe Self.bits(buffer, offset)))
        case .bfloat16: Double(Float(bitPattern: UInt32(unsafe Self.bits(buffer, offset) as UInt16) << 16))
        case .int64: Double(unsafe Self.bits(buffer, offset) as Int64)
        case .int32: Double(unsafe Self.bits(buffer, offset) as Int32)
        case .int16: Double(unsafe Self.bits(buffer, offset) as Int16)
        case .int8: Double(unsafe Self.bits(buffer, offset) as Int8)
        case .uint8, .bool: Double(unsafe Self.bits(buffer, offset) as UInt8)
        }
    }

    private static func bits<Bits: FixedWidthInteger & BitwiseCopyable>(
        _ buffer: UnsafeRawBufferPointer, _ offset: Int
    ) -> Bits {
        unsafe Bits(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: Bits.self))
    }
}
