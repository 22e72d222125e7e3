/// Whether 64 bytes are a point of the curve P-256: the one thing about a public key that its form does not say.
///
/// Nothing here is secret, so nothing needs constant time. Some milliseconds a key in a debug build, microseconds in a
/// release.
///
/// Source: NIST SP 800-186, section 3.2.1.3.
enum P256Point {
    /// True if `point` (x, then y, 32 bytes each, most significant first) satisfies y² = x³ − 3x + b modulo p.
    static func isOnCurve(_ point: ArraySlice<UInt8>) -> Bool {
        guard point.count == 64, let x = Element(point.prefix(32)), let y = Element(point.dropFirst(32)) else {
            return false
        }
        let square = x * x
        let left = y * y
        // y² + 3x = x·x² + b, so that nothing has to be subtracted.
        return left + x + x + x == square * x + Element.b
    }

    /// A number below p, the least significant word first.
    struct Element: Equatable {
        var words: Words

        typealias Words = SIMD4<UInt64>

        static let p = Words(0xFFFF_FFFF_FFFF_FFFF, 0x0000_0000_FFFF_FFFF, 0, 0xFFFF_FFFF_0000_0001)
        static let b = Element(
            words: Words(
                0x3BCE_3C3E_27D2_604B, 0x651D_06B0_CC53_B0F6, 0xB3EB_BD55_7698_86BC, 0x5AC6_35D8_AA3A_93E7))

        init(words: Words) { self.words = words }

        /// Nil if the number is not below p.
        init?(_ bytes: ArraySlice<UInt8>) {
            words = Words(repeating: 0)
            for (position, byte) in bytes.enumerated() {
                let word = (31 - position) / 8
                words[word] = words[word] << 8 | UInt64(byte)
            }
            guard Self.isBelowP(words) else { return nil }
        }

        private static func isBelowP(_ words: Words) -> Bool {
            for word in stride(from: 3, through: 0, by: -1) where words[word] != p[word] {
                return words[word] < p[word]
            }
            return false
        }

        static func + (left: Element, right: Element) -> Element {
            var sum = Words(repeating: 0)
            var carry: UInt64 = 0
            for word in 0..<4 {
                let (partial, first) = left.words[word].addingReportingOverflow(right.words[word])
                let (total, second) = partial.addingReportingOverflow(carry)
                sum[word] = total
                carry = first || second ? 1 : 0
            }
            guard carry == 1 || !isBelowP(sum) else { return Element(words: sum) }
            var borrow: UInt64 = 0
            for word in 0..<4 {
                let (partial, first) = sum[word].subtractingReportingOverflow(p[word])
                let (total, second) = partial.subtractingReportingOverflow(borrow)
                sum[word] = total
                borrow = first || second ? 1 : 0
            }
            return Element(words: sum)
        }

        /// By doubling and adding: 512 additions.
        static func * (left: Element, right: Element) -> Element {
            var product = Element(words: Words(repeating: 0))
            for bit in stride(from: 255, through: 0, by: -1) {
                product = product + product
                if left.words[bit / 64] >> UInt64(bit % 64) & 1 == 1 { product = product + right }
            }
            return product
        }
    }
}
