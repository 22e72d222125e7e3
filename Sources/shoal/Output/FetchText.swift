import Control

/// Fetches, one line each, and who is furthest behind.
enum FetchText {
    /// Fetches that are over and are shown; `--json` has the rest.
    private static let recentCountMax = 3

    /// Nil if there is nothing to say.
    static func table(_ status: StatusReport) -> String? {
        let rows = status.fetches.map(underWay) + status.recentFetches.prefix(recentCountMax).map(over)
        guard !rows.isEmpty else { return nil }
        return Format.table(["FETCH", "VERSION", "DONE", "RATE", "TIME", "OF LIMIT", "HELD UP BY"], rows)
    }

    private static func underWay(_ fetch: FetchStatus) -> [String] {
        [
            fetch.model, name(of: fetch), Format.percent(fetch.bytesDone, of: fetch.bytesTotal),
            "\(Format.bytes(fetch.bytesPerSecond))/s",
            fetch.secondsLeft > 0 ? "\(Format.seconds(fetch.secondsLeft)) left" : "", efficiency(of: fetch),
            holdUp(of: fetch),
        ]
    }

    private static func over(_ fetch: FetchStatus) -> [String] {
        [
            fetch.model, name(of: fetch), "complete", "\(Format.bytes(fetch.meanBytesPerSecond))/s",
            "took \(Format.seconds(fetch.seconds))", efficiency(of: fetch), holdUp(of: fetch),
        ]
    }

    private static func name(of fetch: FetchStatus) -> String {
        fetch.tag.isEmpty ? String(fetch.version.prefix(12)) : fetch.tag
    }

    private static func efficiency(of fetch: FetchStatus) -> String {
        fetch.efficiency > 0 ? "\(Int((fetch.efficiency * 100).rounded())) %" : "unknown"
    }

    /// What most of the time went to, what it is now if that is something else, and the slowest source.
    private static func holdUp(of fetch: FetchStatus) -> String {
        var parts: [String] = []
        if !fetch.mainHoldUp.isEmpty {
            parts.append("\(words(fetch.mainHoldUp)) \(Int((share(of: fetch) * 100).rounded())) %")
        }
        if !fetch.heldUpBy.isEmpty, fetch.heldUpBy != fetch.mainHoldUp { parts.append("now \(words(fetch.heldUpBy))") }
        if let slowest = fetch.slowestSource, slowest.cause != "slow" || fetch.mainHoldUp == "source" {
            parts.append("slowest source \(slowest.name) (\(words(slowest.cause)))")
        }
        return parts.joined(separator: ", ")
    }

    private static func share(of fetch: FetchStatus) -> Double {
        switch fetch.mainHoldUp {
        case "waiting": fetch.shares.waiting
        case "source": fetch.shares.source
        case "own-link": fetch.shares.ownLink
        case "hashing": fetch.shares.hashing
        case "disk": fetch.shares.disk
        default: 0
        }
    }

    /// One line for each version of which a neighbour wants more.
    static func slowest(_ models: [ModelStatus]) -> String? {
        let lines = models.compactMap { model in
            model.slowestNeighbour.map { slowest in
                let share = Format.percent(Int64(slowest.chunks), of: Int64(slowest.chunksTotal))
                let who = slowest.name.isEmpty ? String(slowest.id.prefix(12)) : slowest.name
                return "slowest  \(who) has \(share) of \(model.model) \(model.tag): \(why(slowest))"
            }
        }
        return lines.isEmpty ? nil : lines.joined(separator: "\n")
    }

    private static func why(_ slowest: SlowestNeighbour) -> String {
        switch slowest.cause {
        case "its-link": "it takes what is sent to it slowly"
        case "this-uplink": "its requests wait for their turn here"
        case "silent": "it is silent"
        default:
            slowest.quietSeconds >= 5
                ? "it asks nothing of this node, and announced nothing for \(Format.seconds(slowest.quietSeconds))"
                : "it asks nothing of this node"
        }
    }

    /// The words of the control API are for programs; those of newer agents are shown as they come.
    private static func words(_ code: String) -> String { code.split(separator: "-").joined(separator: " ") }
}
