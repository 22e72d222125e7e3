import DequeModule
import Fleet
import Manifest
import Rollout
import Units
import Wire

/// What a node's disk holds: what outlives its agent.
struct AgentDisk {
    var head: SimulatedDocument?
    var halt: SimulatedDocument?
    var versions: Set<Digest> = []
    var current: Digest?
    var previous: Digest?
    var trials = RolloutTrials()
    var boot: UInt64 = 0
}

/// An inference process. It outlives the agent.
struct SimulatedProcess {
    /// Rises with each start.
    var incarnation = 1
    var isAlive = true
    /// Its connection to the agent.
    var instance: RolloutInstance?
    var active: Digest?
    var resident: Set<Digest> = []
    var passed: Set<Digest> = []
    var counts = RolloutCounts(requests: 0, errors: 0)
    var loading: Digest?
}

/// One node: its disk, its processes, and its agent while that runs.
final class RolloutAgent {
    struct Link {
        let edge: Int
        /// Which of the two ends this node is.
        let end: Int
        let node: Int
    }

    struct Arrival {
        let document: SimulatedDocument
        let node: Int?
    }

    let index: Int
    let id: NodeID
    let name: NodeName
    let labels: [Label]
    let place: NodePlace
    var links: [Link] = []
    var disk = AgentDisk()
    var processes: [SimulatedProcess]

    // What an agent's life ends with.
    var isUp = false
    /// Counts the starts: what was under way in an earlier life is lost.
    var life = 0
    var core: Fleet
    var machine: Rollout
    var head: SimulatedDocument?
    var halt: SimulatedDocument?
    var arrivals: Deque<Arrival> = []
    var isJudging = false
    var fetching: Set<Digest> = []
    var unkeptTrials: RolloutTrials?
    var moves: Deque<RolloutVersion> = []
    var boot: UInt64 = 0
    var sequence: UInt32 = 0
    var told: ChannelReport?
    var isComparing = false
    var nextInstance: UInt64 = 1
    var rolloutInbox: [RolloutEvent] = []
    var fleetInbox: [FleetEvent] = []
    var isRunningRollout = false
    var isRunningFleet = false
    var wakeWanted: Nanoseconds?
    var wakePlanned = Nanoseconds.never
    var rolloutWake: Nanoseconds?

    /// What it said of itself lately, where records do not spread by themselves.
    var said: [(at: Nanoseconds, report: ChannelReport?)] = []
    /// When it was last there to say something.
    var downSince: Nanoseconds = 0

    // What the checkers remember.
    /// The highest that it acted on in any life.
    var actedOn: SimulatedDocument?
    var setAside: Set<Digest> = []
    var everServed: Set<Digest> = []
    var everProven: Set<Digest> = []
    /// Nothing has happened here since that would explain a process which serves something else than it should.
    var calmSince: Nanoseconds = 0

    init(index: Int, id: NodeID, processCount: Int) {
        self.index = index
        self.id = id
        name = Simulated.nodeName(index)
        labels = [Label(key: "rack", value: "rack-\(index % 4)")].compactMap(\.self)
        place = NodePlace(node: id, name: name.text, labels: ["rack": "rack-\(index % 4)"])
        core = Fleet(node: id)
        machine = Rollout(model: Simulated.channel.model)
        processes = (0..<processCount).map { _ in SimulatedProcess() }
    }

    /// All that was only in memory is gone.
    func forgetAll() {
        isUp = false
        life += 1
        arrivals = []
        isJudging = false
        fetching = []
        unkeptTrials = nil
        moves = []
        told = nil
        isComparing = false
        rolloutInbox = []
        fleetInbox = []
        (wakeWanted, wakePlanned, rolloutWake) = (nil, .never, nil)
        for place in processes.indices {
            processes[place].instance = nil
            processes[place].loading = nil
        }
    }
}
