"""The cases: a network, a file, and what happens meanwhile."""

from dataclasses import dataclass, field

OURS = "exec:shoal"
OURS_FOLLOWING = "exec:follow"
PEERS = ("libtorrent", "aria2")
BUSY_MAX = 0.85  # above it the machine, not the network, set the time
FOREIGN_MAX = 0.10  # above it other processes of the machine disturbed the run


@dataclass(frozen=True)
class Case:
    """One row of the table for each system. Sizes are in MiB, rates in Mbit/s per link, both ways."""

    name: str
    about: str
    nodes: int
    rate: float
    size: float
    arguments: tuple[str, ...] = ()  # more for swarmbench
    ours: str = OURS
    peers: tuple[str, ...] = PEERS
    from_publication: bool = False  # the clock starts with the publication, for all systems
    floor: bool = False  # the measured floor is a row too
    goals: tuple[tuple, ...] = field(default=())  # (kind, most)

    def link_seconds(self) -> float:
        """What one copy takes on one link of the nodes."""
        return self.size * 8 * 1.048576 / self.rate


def _events(*texts: str) -> tuple[str, ...]:
    return tuple(part for text in texts for part in ("--event", text))


def _unequal(nodes: int) -> tuple[str, ...]:
    """Nodes at half, once and twice the seed's rate, in turn."""
    rates = (20, 40, 80)
    return tuple(part for i in range(1, nodes + 1) for part in ("--node-rate", f"{i}={rates[i % len(rates)]}"))


PAYLOAD = (("seed's payload", 1.05), ("payload received", 1.01))

CASES = [
    Case(
        "20x200",
        "200 MiB to 20 nodes, 40 Mbit/s",
        20,
        40,
        200,
        goals=(("last/limit", 1.05), ("link bytes", 1.06), *PAYLOAD),
    ),
    Case(
        "50x200",
        "200 MiB to 50 nodes, 25 Mbit/s",
        50,
        25,
        200,
        goals=(("last/limit", 1.05), ("link bytes", 1.06), *PAYLOAD),
    ),
    Case(
        "50x200fast",
        "200 MiB to 50 nodes, 100 Mbit/s",
        50,
        100,
        200,
        floor=True,
        goals=(("of best peer", 0.75), ("of floor", 1.3), *PAYLOAD),
    ),
    *(
        Case(
            f"growth{n}",
            f"64 MiB to {n} nodes, 15 Mbit/s",
            n,
            15,
            64,
            goals=PAYLOAD + ((("growth", 1.05),) if n == 100 else ()),
        )
        for n in (10, 25, 50, 100)
    ),
    Case(
        "small6",
        "6 MiB to 20 nodes, 40 Mbit/s, agents following",
        20,
        40,
        6,
        ours=OURS_FOLLOWING,
        from_publication=True,
        goals=(("last/limit", 1.25),),
    ),
    Case(
        "small25",
        "25 MiB to 20 nodes, 40 Mbit/s, agents following",
        20,
        40,
        25,
        ours=OURS_FOLLOWING,
        from_publication=True,
        goals=(("last/limit", 1.10),),
    ),
    Case(
        "known100",
        "1 MiB to 100 nodes, 100 Mbit/s, agents following",
        100,
        100,
        1,
        ours=OURS_FOLLOWING,
        peers=(),
        from_publication=True,
        goals=(("known s", 1.0),),
    ),
    Case(
        "racks",
        "100 MiB to 40 nodes in 4 racks, uplinks 4:1, 20 Mbit/s",
        40,
        20,
        100,
        ("--racks", "4", "--oversub", "4"),
        peers=("libtorrent", "libtorrent:gateways", "aria2"),
        goals=(("last/limit", 1.1), ("into a rack", 1.1)),
    ),
    Case("blackhole-base", "100 MiB to 20 nodes, 40 Mbit/s, for comparison with the next", 20, 40, 100),
    Case(
        "blackhole",
        "the same, one node's link swallows everything from half time on",
        20,
        40,
        100,
        _events("blackhole:7@50%"),
        goals=(("added s", 2.0),),
    ),
    Case(
        "slow-node",
        "100 MiB to 20 nodes, 40 Mbit/s, one of them at 4",
        20,
        40,
        100,
        ("--node-rate", "7=4", "--apart", "7"),
        goals=(("last/limit", 1.1),),
    ),
    # Half of the time is enough for one copy only if the seed's link is faster than the nodes'.
    Case(
        "seed-killed",
        "100 MiB to 20 nodes, 40 Mbit/s; the seed at 100, killed at half time",
        20,
        40,
        100,
        ("--seed-rate", "100", *_events("kill:0@50%")),
        goals=(("last/limit", 1.1),),
    ),
    Case(
        "node-killed",
        "100 MiB to 20 nodes, 40 Mbit/s, one killed at half time",
        20,
        40,
        100,
        _events("kill:7@50%"),
        goals=(("last/limit", 1.1), ("seed's payload", 1.25)),
    ),
    Case(
        "replaced",
        "100 MiB to 20 nodes, 40 Mbit/s, two replaced by new ones at half time",
        20,
        40,
        100,
        _events("kill:7@50%", "kill:13@50%", "join:21@50%", "join:22@50%"),
        goals=(("last/limit", 1.1),),
    ),
    Case(
        "newcomer",
        "100 MiB to 20 nodes, 40 Mbit/s, one more once they are done",
        20,
        40,
        100,
        _events("join:21@done"),
        goals=(("last/limit", 1.1), ("newcomer/limit", 1.1)),
    ),
    Case(
        "unequal",
        "100 MiB to 20 nodes at 20, 40 and 80 Mbit/s, the seed at 40",
        20,
        40,
        100,
        _unequal(20),
        goals=(("worst of its limit", 1.1),),
    ),
]
GROUPS = {
    "growth": [f"growth{n}" for n in (10, 25, 50, 100)],
    "blackhole": ["blackhole-base", "blackhole"],
    "trouble": [
        "blackhole-base",
        "blackhole",
        "slow-node",
        "seed-killed",
        "node-killed",
        "replaced",
        "newcomer",
        "unequal",
    ],
}


def named(names: str) -> list[Case]:
    """The cases of a comma list of names and groups, in the order of the table; all of them without a list."""
    if not names:
        return CASES
    known = {case.name for case in CASES}
    wanted: set[str] = set()
    for name in names.split(","):
        wanted.update(GROUPS.get(name, [name]))
    if unknown := wanted - known:
        raise ValueError(
            f"unknown case {', '.join(sorted(unknown))}; there are {', '.join([*known_in_order(), *GROUPS])}"
        )
    return [case for case in CASES if case.name in wanted]


def known_in_order() -> list[str]:
    """The names of all cases."""
    return [case.name for case in CASES]
