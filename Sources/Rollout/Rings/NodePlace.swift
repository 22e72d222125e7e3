public import Manifest
public import Units

/// Who a node is, as selectors and rings see it: `documents.md`, section 6.
public struct NodePlace: Hashable, Sendable {
    /// Its id.
    public let node: NodeID
    /// Its labels, with `node` and `node-id`.
    private let labels: [String: String]

    /// A node of that name. Labels called `node` or `node-id` are not its to choose.
    public init(node: NodeID, name: String, labels: [String: String]) {
        self.node = node
        self.labels = labels.merging(["node": name, "node-id": node.hex]) { _, own in own }
    }

    /// Whether a label selector selects the node: it has every label that is named. The empty one selects all; one of
    /// another form than `key=value,key=value` none.
    public func isSelected(by selector: String) -> Bool {
        if selector.isEmpty { return true }
        return selector.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { term in
            guard let equals = term.firstIndex(of: "="), equals != term.startIndex else { return false }
            return labels[String(term[..<equals])] == String(term[term.index(after: equals)...])
        }
    }

    /// Where the node stands among all, in parts of a thousand from 0 to 999, for a version: another one each time.
    func standing(for version: Digest) -> UInt16 {
        UInt16(number(for: version).multipliedFullWidth(by: UInt64(Limits.perMilleMax)).high)
    }

    private func number(for version: Digest) -> UInt64 { node.leadingWord ^ version.leadingWord }

    /// Whether this node takes a version before another, where a share of nodes takes it.
    public func comesBefore(_ other: NodePlace, for version: Digest) -> Bool {
        (number(for: version), node) < (other.number(for: version), other.node)
    }

    /// The first ring that takes the node; nil if none does.
    public func ring(in plan: RolloutPlan, for version: Digest) -> Int? {
        let standing = standing(for: version)
        return plan.rings.firstIndex { standing < $0.sharePerMille && isSelected(by: $0.selector) }
    }

    /// The version that a pin keeps the node on; nil if none does.
    public func pinned(in plan: RolloutPlan) -> Digest? { plan.pins.first { isSelected(by: $0.selector) }?.version }
}

extension Identifier {
    /// The first eight bytes, as a big-endian number.
    fileprivate var leadingWord: UInt64 { bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
}
