internal import Wire

typealias WirePeerEntry = PeerEntry
