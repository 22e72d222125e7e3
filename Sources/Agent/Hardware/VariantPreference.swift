internal import Manifest
internal import Units

/// Which variant of a version this node takes: what its configuration says, else what its hardware runs best.
struct VariantPreference: Sendable {
    let hardware: Hardware
    /// By model; `*` for all others.
    let configured: [String: VariantName]

    /// - Precondition: there is at least one variant, as in every manifest.
    func choose(of model: ModelName, among variants: [Variant]) -> VariantName {
        guard let first = variants.first else { preconditionFailure("\(model): a version without variants") }
        guard variants.count > 1 else { return first.name }
        if let named = configured[model.text] ?? configured["*"], variants.contains(where: { $0.name == named }) {
            return named
        }
        return (best(of: variants.filter(fits)) ?? best(of: variants) ?? first).name
    }

    /// Half of the memory is for a model; where the memory is not known, everything fits.
    private func fits(_ variant: Variant) -> Bool {
        hardware.memory == 0 || variant.byteCount.value <= hardware.memory.value / 2
    }

    private func best(of variants: [Variant]) -> Variant? {
        for name in hardware.preferredNames {
            if let found = variants.first(where: { Self.stands(name, for: $0.name) && !isForeign($0.name, but: name) })
            {
                return found
            }
        }
        return variants.first { !isForeign($0.name, but: "") }
    }

    /// For other machines: by its name, or by a part of it that names other processors.
    private func isForeign(_ variant: VariantName, but name: String) -> Bool {
        hardware.foreignNames.contains { $0.utf8.count > name.utf8.count && Self.stands($0, for: variant) }
            || variant.text.split(separator: "-").contains(where: isOtherProcessor)
    }

    private func isOtherProcessor(_ part: Substring) -> Bool {
        if part.hasPrefix("gfx") { return !hardware.amdTargets.contains(String(part)) }
        guard part.hasPrefix("sm"), let capability = Int(part.dropFirst(2)) else { return false }
        return !hardware.nvidiaCapabilities.contains(capability)
    }

    private static func stands(_ name: String, for variant: VariantName) -> Bool {
        variant.text == name || variant.text.hasPrefix(name + "-")
    }
}
