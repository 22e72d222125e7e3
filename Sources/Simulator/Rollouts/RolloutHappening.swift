import Fleet
import Rollout
import Units
import Wire

/// What happens in a `RolloutSimulation`. What carries a life is lost if the agent has ended since.
enum RolloutHappening {
    case startAgent(Int)
    case crashAgent(Int, seconds: Int)
    // Connections. What carries a generation is lost if the connection has ended since.
    case dial(edge: Int)
    case linked(edge: Int, end: Int, generation: Int)
    case unlinked(edge: Int, end: Int, generation: Int)
    case frame(edge: Int, end: Int, generation: Int, Frame)
    case breakLink(edge: Int)
    case partition(UInt64)
    case heal
    // An agent's own.
    case kept(Int, life: Int, SimulatedDocument)
    case fetched(Int, life: Int, Digest)
    case flip(Int, life: Int)
    case fleetWake(Int, life: Int)
    case rolloutWake(Int, life: Int)
    case compare(Int, life: Int)
    case trialsKept(Int, life: Int, RolloutTrials)
    case moved(Int, life: Int, RolloutVersion)
    // Processes, by number on their node.
    case attach(Int, process: Int, life: Int)
    case answer(Int, process: Int, incarnation: Int, RolloutInstance, ProcessAnswer)
    case restartProcess(Int, process: Int)
    case crashProcess(Int)
    case tick(Int, process: Int)
    // People.
    case act(RolloutScenario.OperatorAct)
    case supervise
    case control(Int)
    case crashControllers
    case look

    /// What goes along a connection.
    enum Frame {
        case status(FleetEvent)
        case document(SimulatedDocument)
    }

    /// What a process has done.
    enum ProcessAnswer {
        case load(Digest)
        case check(Digest)
        case activate(Digest, expecting: Digest?)
        case drained(Digest)
        case released(Digest, wasLoading: Bool)
    }
}
