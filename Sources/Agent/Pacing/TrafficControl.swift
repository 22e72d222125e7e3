internal import EventLoop
internal import Logging
internal import Swarm
internal import Trust
internal import Units

/// How fast this node may send and receive, and how politely: keeps what is in force on every link.
///
/// What is in force follows from the plan and the time. It is looked at again when a command changes the plan, and
/// every second where the time may change it.
@LoopActor
final class TrafficControl {
    /// Tells the core what a download may have, in bytes a second.
    var onDownloadLimit: (@LoopActor (Double?) -> Void)?
    private(set) var inForce = LimitsInForce()
    private let configuration: AgentConfiguration
    private let settings: SettingsFile
    private let log: Logger
    private let uploads = UploadPacer()
    private let downloads = DownloadPacer()
    private var links: [NodeID: NeighbourLink] = [:]
    private var clock: LoopTimer?
    private var missingControls: Set<String> = []

    init(_ configuration: AgentConfiguration, settings: SettingsFile, log: Logger) {
        self.configuration = configuration
        self.settings = settings
        self.log = log
        clock = LoopTimer { [weak self] in self?.review() }
    }

    private var plan: LimitPlan {
        LimitPlan(
            configured: configuration.limits, schedules: configuration.limitSchedules,
            orders: settings.value.limits ?? [])
    }

    /// Looks at what should be in force now, and brings it about.
    func review() {
        let now = Clock.wallTime()
        let plan = plan
        let next = plan.inForce(minuteOfDay: Clock.localMinuteOfDay(), now: now)
        if plan.dependsOnTime { clock?.start(after: .seconds(1)) } else { clock?.stop() }
        guard next != inForce else { return }
        let words = next.entries.sorted { $0.key < $1.key }.map { key, entry in
            "\(key.linkClass.map { "\($0.rawValue)." } ?? "")\(key.quantity.rawValue)=\(entry.value)"
        }
        log.notice("limits", metadata: ["in-force": "\(words.isEmpty ? "none" : words.joined(separator: ", "))"])
        inForce = next
        uploads.setRates(next.rates(.upload))
        downloads.setRates(next.rates(.download))
        for link in links.values { tune(link) }
        onDownloadLimit?(next.rates(.download).all.map { Double($0.bytesPerSecond) })
    }

    /// Changes what commands said; durable once this returns.
    func change(_ edit: (inout [LimitOrder]) -> Void) async throws(TrustError) {
        let now = Clock.wallTime()
        try await settings.change { settings in
            var orders = (settings.limits ?? []).filter { !$0.isOver(at: now) }
            edit(&orders)
            settings.limits = orders.isEmpty ? nil : orders
        }
        review()
    }

    /// Ends.
    func close() {
        clock?.close()
        clock = nil
        uploads.close()
        downloads.close()
    }

    // MARK: Links

    /// A neighbour has come.
    func adopt(_ link: NeighbourLink, at distance: Distance) {
        let linkClass = LinkClass(distance)
        links[link.node] = link
        link.bulk.lane = UploadLane(uploads, link.transport, linkClass: linkClass)
        link.downloads = downloads
        place(link, linkClass)
    }

    /// It was measured again, and may be nearer than it seemed.
    func measured(_ link: NeighbourLink, at distance: Distance) {
        let linkClass = LinkClass(distance)
        guard links[link.node] === link, link.linkClass != linkClass else { return }
        place(link, linkClass)
    }

    /// A neighbour has gone.
    func drop(_ link: NeighbourLink) {
        if links[link.node] === link { links[link.node] = nil }
    }

    private func place(_ link: NeighbourLink, _ linkClass: LinkClass) {
        let before = link.linkClass.flatMap { congestionControl(of: $0) }
        link.linkClass = linkClass
        if let name = congestionControl(of: linkClass) ?? (before == nil ? nil : Self.kernelDefault), name != before {
            setCongestionControl(name, of: link)
        }
        tune(link)
    }

    private func tune(_ link: NeighbourLink) {
        guard let linkClass = link.linkClass else { return }
        link.bulk.lane?.set(linkClass, inForce.priority(of: linkClass))
        link.transport.readByteCountMax = downloads.readByteCount(for: linkClass)
    }

    // MARK: Congestion control

    private static let kernelDefault = CongestionControl.kernelDefault

    /// Of a class of links; nil leaves the kernel's.
    private func congestionControl(of linkClass: LinkClass) -> String? {
        configuration.congestionControls[linkClass] ?? configuration.congestionControl
    }

    private func setCongestionControl(_ name: String, of link: NeighbourLink) {
        guard !missingControls.contains(name) else { return }
        do throws(LoopError) {
            try link.transport.setCongestionControl(name)
        } catch {
            missingControls.insert(name)
            log.warning(
                "congestion control was not set, the kernel's default stays: \(error)",
                metadata: ["name": "\(name)", "available": "\(CongestionControl.available.joined(separator: " "))"])
        }
    }
}
