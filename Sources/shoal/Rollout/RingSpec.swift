import ArgumentParser
import Control
import Manifest
import Rollout
import Units

/// A ring as it is written on the command line: `one`, `10%`, `all`, `rack=a`, `rack=a:50%`, each with `+5m` for the
/// time that the ring before has to have served the version well.
struct RingSpec: ExpressibleByArgument {
    /// Which of the nodes.
    enum Choice: Hashable {
        /// One that reports, whichever comes first for this version.
        case one
        /// Those that a selector selects, and a share of them.
        case some(selector: String, sharePerMille: UInt16)
    }

    let choice: Choice
    let waitSeconds: UInt32?

    init?(argument: String) {
        let parts = argument.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard let wait = Duration(parsing: String(parts[1])) else { return nil }
            waitSeconds = UInt32(clamping: wait.components.seconds)
        } else {
            waitSeconds = nil
        }
        guard let choice = Self.choice(String(parts[0])) else { return nil }
        self.choice = choice
    }

    private init(_ choice: Choice) {
        self.choice = choice
        waitSeconds = nil
    }

    /// One node, a tenth of them, half, all.
    static let usual: [RingSpec] = [
        RingSpec(.one), RingSpec(.some(selector: "", sharePerMille: 100)),
        RingSpec(.some(selector: "", sharePerMille: 500)), RingSpec(.some(selector: "", sharePerMille: 1_000)),
    ]

    private static func choice(_ text: String) -> Choice? {
        if text == "one" { return .one }
        if text == "all" { return .some(selector: "", sharePerMille: Limits.perMilleMax) }
        if let share = share(text) { return .some(selector: "", sharePerMille: share) }
        let (selector, share): (String, UInt16?)
        if let colon = text.lastIndex(of: ":") {
            (selector, share) = (String(text[..<colon]), self.share(String(text[text.index(after: colon)...])))
        } else {
            (selector, share) = (text, Limits.perMilleMax)
        }
        guard let share, Selector(argument: selector) != nil else { return nil }
        return .some(selector: selector, sharePerMille: share)
    }

    /// Per mille of `10%` or `0.5%`; nil unless it is above 0 and at most 100 %.
    static func share(_ text: String) -> UInt16? {
        guard text.hasSuffix("%"), let percent = Double(text.dropLast()), percent.isFinite, percent <= 100 else {
            return nil
        }
        let share = UInt16((max(0, percent) * 10).rounded())
        return share > 0 ? share : nil
    }
}

/// `key=value[,key=value…]`, as `documents.md` has it.
struct Selector: ExpressibleByArgument {
    let text: String

    init?(argument: String) {
        let terms = argument.split(separator: ",", omittingEmptySubsequences: false)
        let isGood = terms.allSatisfy { term in
            term.firstIndex(of: "=").map { $0 != term.startIndex } ?? false
        }
        guard isGood, argument.utf8.count <= Limits.selectorByteCountMax else { return nil }
        text = argument
    }
}

extension [RingSpec] {
    /// The rings for a head.
    /// - Parameters:
    ///   - wait: where a ring names none.
    ///   - members: those of whom `one` is chosen.
    /// - Throws: not found, if no follower reports of which one could be chosen.
    func rings(wait: UInt32, for version: Digest, among members: [FleetMember]) throws(ControlError) -> [Ring] {
        var rings: [Ring] = []
        for spec in self {
            // The first ring follows nothing, so it waits for nothing.
            let seconds = spec.waitSeconds ?? (rings.isEmpty ? 0 : wait)
            switch spec.choice {
            case .one:
                guard let first = members.first(for: version) else {
                    throw ControlError(
                        .notFound, "no follower of the channel reports, so none can be the first",
                        hint: "`shoal nodes` shows who does; name one with --ring node=NAME.")
                }
                rings.append(Ring(selector: "node-id=\(first.hex)", sharePerMille: 1_000, waitSeconds: seconds))
            case .some(let selector, let share):
                rings.append(Ring(selector: selector, sharePerMille: share, waitSeconds: seconds))
            }
        }
        return rings
    }
}

extension [FleetMember] {
    /// The node that comes first for a version, of those that report.
    fileprivate func first(for version: Digest) -> NodeID? {
        filter(\.isReporting).map(\.place).min { $0.comesBefore($1, for: version) }?.node
    }
}
