"""What the results of swarmbench say: one `Row` for each system of a case, and whether the goals are met."""

from dataclasses import dataclass, field

from .cases import BUSY_MAX, FOREIGN_MAX, Case

MIB = 1 << 20
MACHINE_BOUND = "machine-bound: the machine, not the network, set its time"
SEED = "node-0"


@dataclass
class Row:
    """One system in one case: the run in the middle, and of copies the most of any run."""

    case: Case
    system: str
    runs: list[dict]
    failures: list[str] = field(default_factory=list)

    @property
    def middle(self) -> dict | None:
        """The run with the median time; of an even number the slower one in the middle."""
        ordered = sorted(self.runs, key=lambda run: last(self.case, run))
        return ordered[len(ordered) // 2] if ordered else None

    def most(self, figure) -> float | None:
        """The greatest value of a figure over the runs that have it."""
        values = [value for run in self.runs if (value := figure(run)) is not None]
        return max(values, default=None)


def head_start(case: Case, run: dict) -> float:
    """Seconds to add to times that count from the end of the publication."""
    return run["publish_s"] if case.from_publication and not run.get("early") else 0.0


def last(case: Case, run: dict) -> float:
    """Seconds to the last node."""
    return run["last_s"] + head_start(case, run)


def seed_payload(run: dict) -> float | None:
    """Copies of chunk payload that the seed sent; of a killed one, that the nodes got from it."""
    reports = run.get("reports") or {}
    if not reports:
        return None
    if "0" in reports:
        return reports["0"]["sent"] / run["size"]
    return sum(report["from"].get(SEED, 0) for report in reports.values()) / run["size"]


def payload_received(run: dict) -> list[float] | None:
    """Copies of chunk payload that came to each node that has the whole file."""
    complete = run.get("node_times") or {}
    reports = [r for node, r in (run.get("reports") or {}).items() if node != "0" and node in complete]
    return [sum(r["from"].values()) / run["size"] for r in reports] or None


def worst_payload_received(run: dict) -> float | None:
    """The most that a node received."""
    return max(payload_received(run) or [], default=None)


def payload_into_racks(run: dict) -> float | None:
    """Copies of chunk payload that came into a rack from others: the most of any rack but the seed's."""
    reports, rack_of = run.get("reports") or {}, run.get("rack_of") or []
    if not reports or not run.get("racks"):
        return None
    into = [0.0] * run["racks"]
    for node, report in reports.items():
        for name, count in report["from"].items():
            if rack_of[int(name.removeprefix("node-"))] != rack_of[int(node)]:
                into[rack_of[int(node)]] += count / run["size"]
    return max(copies for rack, copies in enumerate(into) if rack != rack_of[0])


def link_into_racks(run: dict) -> float | None:
    """The same of link bytes."""
    return max(run["rack_in"][1:]) / run["size"] if run.get("rack_in") else None


def worst_of_own_limit(run: dict) -> float | None:
    """The greatest share of its own limit that a node took, where nodes have unequal links."""
    times, limits = run.get("node_times") or {}, run.get("node_limits") or {}
    return max((times[node] / limits[node] for node in limits if node in times), default=None)


def newcomers(run: dict) -> list[float]:
    """Seconds that each node which came during the run took, from its own start on."""
    return [t for node, t in (run.get("node_times") or {}).items() if int(node) > run.get("targets", 10**9)]


def newcomer_share(run: dict) -> float | None:
    """The slowest newcomer's time over what its link takes."""
    came = newcomers(run)
    return max(came) * run["goodput"] / run["size"] if came else None


def known_seconds(run: dict) -> float | None:
    """From the start of the publication until every node knew of the version; None unless all did."""
    known = run.get("known") or {}
    return max(known.values()) if len(known) >= run["nodes"] else None


def connections(run: dict) -> int:
    """Connections among the agents."""
    return sum(report["connected"] for report in (run.get("reports") or {}).values()) // 2


def processor_seconds(run: dict) -> float:
    """Of the seed and the nodes, the publication included."""
    return sum(run["cpu_publish"]) + sum(run["cpu_seed"]) + sum(run["cpu_nodes"])


def notes(row: Row) -> list[str]:
    """What a reader of the row must know."""
    told: list[str] = []
    for run in row.runs:
        if run["cpu_busy"] > BUSY_MAX:
            told.append(MACHINE_BOUND)
        if run["foreign"] > FOREIGN_MAX:
            told.append(f"disturbed: other processes took {run['foreign']:.0%} of the machine")
    if row.failures:
        told.append(f"{len(row.failures)} of {len(row.failures) + len(row.runs)} runs failed: {row.failures[0]}")
    if run := row.middle:
        if run["size"] != round(row.case.size * MIB):
            told.append(f"of {run['size'] / MIB:g} MiB only")
        if came := newcomers(run):
            told.append(f"newcomers took {', '.join(f'{t:.1f}' for t in came)} s")
        for node in run.get("apart") or []:
            got = (run.get("reports") or {}).get(str(node))
            told.append(f"node {node} had {got['received'] / run['size']:.0%} then" if got else f"without node {node}")
        if run.get("known"):
            told.append(f"{len(run['known'])} knew after {max(run['known'].values()):.2f} s")
            told.append(f"{connections(run)} connections")
        if row.case.name == "unequal":
            told.append(f"worst node {worst_of_own_limit(run):.3f} of its own limit")
    return list(dict.fromkeys(told))


# What a goal is of a row, with all rows at hand: {(case name, system): Row}; None if it cannot be said.
def _share(row: Row, other: Row | None) -> float | None:
    return last(row.case, row.middle) / last(other.case, other.middle) if other and other.middle else None


def _of_best_peer(row: Row, rows: dict) -> float | None:
    peers = [r for peer in row.case.peers if (r := rows.get((row.case.name, peer))) and r.middle]
    return _share(row, min(peers, key=lambda r: last(r.case, r.middle), default=None))


def _added(row: Row, rows: dict) -> float | None:
    base = rows.get((f"{row.case.name}-base", row.system))
    return last(row.case, row.middle) - last(base.case, base.middle) if base and base.middle else None


def _of_limit(row: Row, _: dict) -> float | None:
    return last(row.case, row.middle) / row.middle["limit_s"]


GOALS = {
    "last/limit": _of_limit,
    "link bytes": lambda row, _: row.middle["traffic_factor"],
    "seed's payload": lambda row, _: row.most(seed_payload),
    "payload received": lambda row, _: row.most(worst_payload_received),
    "into a rack": lambda row, _: row.most(payload_into_racks),
    "of best peer": _of_best_peer,
    "of floor": lambda row, rows: _share(row, rows.get((row.case.name, "floor"))),
    "growth": lambda row, rows: _share(row, rows.get(("growth10", row.system))),
    "added s": _added,
    "known s": lambda row, _: row.most(known_seconds),
    "newcomer/limit": lambda row, _: newcomer_share(row.middle),
    "worst of its limit": lambda row, _: worst_of_own_limit(row.middle),
}


def goal_lines(rows: dict) -> list[str]:
    """One line for each goal of the cases that ran, ours only."""
    lines = []
    for (name, system), row in rows.items():
        for kind, most in row.case.goals if system == row.case.ours else ():
            value = GOALS[kind](row, rows) if row.middle else None
            verdict = "no figure" if value is None else f"{value:.3f}, {'met' if value <= most else 'MISSED'}"
            lines.append(f"{name}: {kind} at most {most:g}: {verdict}")
    return lines
