internal import Manifest
internal import Store
internal import Units

/// Which complete variants may be deleted to free space, and in which order.
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

    init(_ variants: [CommittedVariant], ages: [Digest: Age], reasons: [VariantKey: Reason]) {
        items = variants
            .map { Item(variant: $0, age: ages[$0.key.version], keptBecause: reasons[$0.key]) }
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

    /// What may go, in order.
    var collectable: [Item] { items.filter { $0.keptBecause == nil } }
}
