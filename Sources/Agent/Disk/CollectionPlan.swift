internal import Manifest
internal import Store
internal import Units

/// Which complete versions may be deleted to free space, and in which order. A version goes with all its variants, or
/// stays.
struct CollectionPlan {
    /// Why a variant stays. In the order in which the reason is told.
    enum Reason: String, Hashable, Sendable {
        case current
        /// The one before the current: going back needs no network.
        case previous
        case inUse = "in use"
        case pinned
        /// A channel that this node follows names it, or `get` asked for it.
        case wanted
        /// It is newer than all that the model's channels name: published here, perhaps, and not promoted yet.
        case unreleased
    }

    /// One complete variant.
    struct Item: Hashable, Sendable {
        let variant: CommittedVariant
        /// When its version was published; nothing is known of one without its manifest.
        let age: Age?
        let keptBecause: Reason?
    }

    /// By the publishers' clocks, and within a second by the order in which versions of a model were published.
    struct Age: Hashable, Comparable, Sendable {
        let created: WallTime
        let publishNumber: UInt64

        static func < (left: Age, right: Age) -> Bool {
            (left.created.secondsSince1970, left.publishNumber) < (right.created.secondsSince1970, right.publishNumber)
        }
    }

    /// Those that may go first: what nobody's manifest names any more, then the older before the newer.
    let items: [Item]

    /// - Parameter reasons: why a variant stays; all others of its version stay with it.
    init(_ variants: [CommittedVariant], ages: [Digest: Age], reasons: [VariantKey: Reason]) {
        var kept: [Digest: Reason] = [:]
        for key in reasons.keys.sorted() where kept[key.version] == nil { kept[key.version] = reasons[key] }
        items =
            variants
            .map { Item(variant: $0, age: ages[$0.key.version], keptBecause: reasons[$0.key] ?? kept[$0.key.version]) }
            .sorted { left, right in
                let (one, other) = (left.keptBecause == nil, right.keptBecause == nil)
                guard one == other else { return one }
                switch (left.age, right.age) {
                case (let first?, let second?) where first != second: return first < second
                case (nil, .some): return true
                case (.some, nil): return false
                default: return left.variant.key < right.variant.key
                }
            }
    }

    /// The versions that may go, in order, each with what all its variants have.
    var versions: [(version: Digest, model: ModelName, byteCount: ByteCount)] {
        var found: [(version: Digest, model: ModelName, byteCount: ByteCount)] = []
        for item in collectable {
            let variant = item.variant
            if let place = found.firstIndex(where: { $0.version == variant.key.version }) {
                found[place].byteCount += variant.byteCount
            } else {
                found.append((variant.key.version, variant.model, variant.byteCount))
            }
        }
        return found
    }

    /// What may go, in order.
    var collectable: [Item] { items.filter { $0.keptBecause == nil } }
}
