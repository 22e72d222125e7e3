import Control
import Manifest
import Units

/// Where the files of each variant are: one path for a version that has only one, else NAME=PATH for each.
struct VariantPlaces {
    let places: [(variant: VariantName, path: String)]

    init(path: String?, variants: [String]) throws(ControlError) {
        guard (path == nil) != variants.isEmpty else {
            throw ControlError(
                .wrongUsage, "seed takes a file or folder, or --variant NAME=PATH once for each variant",
                hint: "For example: shoal seed ./model --model acme/detector --version 1")
        }
        if let path {
            places = [(.default, path)]
            return
        }
        guard variants.count <= Limits.variantCountMax else {
            throw ControlError(.wrongUsage, "a version has at most \(Limits.variantCountMax) variants")
        }
        var places: [(variant: VariantName, path: String)] = []
        for text in variants {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[1].isEmpty, let name = VariantName(parts[0]) else {
                throw ControlError(
                    .wrongUsage, "--variant is NAME=PATH, not \(text)",
                    hint: "A name is one part of letters, digits, dots, dashes and underscores.")
            }
            guard !places.contains(where: { $0.variant == name }) else {
                throw ControlError(.wrongUsage, "variant \(name) is there twice")
            }
            places.append((name, parts[1]))
        }
        self.places = places
    }
}
