internal import Swarm

// Two modules have a type of this name, and the module `Swarm` has a type `Swarm`: so each gets a name of its own here.
typealias SwarmPeerEntry = PeerEntry
typealias SwarmCore = Swarm
