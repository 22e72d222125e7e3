"""One table over all cases and systems, in Markdown."""

from . import figures
from .cases import CASES, Case
from .figures import Row


def rows_of(results: list[dict]) -> dict[tuple[str, str], Row]:
    """Results of swarmbench and of the floor, by case and system, in the order of the cases."""
    rows: dict[tuple[str, str], Row] = {}
    for case in CASES:
        for result in results:
            if result.get("tag") != case.name:
                continue
            row = rows.setdefault((case.name, result["system"]), Row(case, result["system"], []))
            if "failed" in result:
                row.failures.append(result["failed"])
            else:
                row.runs.append({"publish_s": 0.0, "targets": case.nodes, **result})
    return rows


def number(value: float | None, form: str = ".2f") -> str:
    """A cell; a dash for what is not known."""
    return "–" if value is None else format(value, form)


def spread(values: list[float]) -> str:
    """Least and most beside a median, where they differ."""
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return "" if low == high else f" ({low}–{high})"


def _received(row: Row) -> str:
    copies = figures.payload_received(row.middle)
    if not copies:
        return "–"
    return f"{sum(copies) / len(copies):.3f}, worst {row.most(figures.worst_payload_received):.3f}"


def _last(row: Row) -> str:
    times = [figures.last(row.case, run) for run in row.runs]
    return f"{figures.last(row.case, row.middle):.2f}{spread(times)}"


def _into_rack(row: Row) -> str:
    payload, link = row.most(figures.payload_into_racks), row.most(figures.link_into_racks)
    return "" if link is None else f"{number(payload)} payload, {link:.2f} link"


def _floor_cells(row: Row) -> list[str]:
    run = row.middle
    return ["", "", "", _last(row), "", "", "", "", "", "", "", f"{run['cpu_s']:.0f}", "", f"{run['cpu_busy']:.0%}"]


def _cells(row: Row) -> list[str]:
    run, case = row.middle, row.case
    start, total, limit = figures.head_start(case, run), figures.last(case, run), run["limit_s"]
    return [
        number(limit),
        number(run["first_s"] + start),
        number(run["median_s"] + start),
        _last(row),
        f"{total / limit:.3f}",
        f"{limit / total:.1%}",
        number(row.most(figures.seed_payload), ".3f"),
        _received(row),
        number(run["seed_sent_copies"], ".3f"),
        number(run["traffic_factor"], ".3f"),
        _into_rack(row),
        f"{figures.processor_seconds(run):.0f}",
        f"{run['rss_seed_kib'] / 1024:.0f}, {run['rss_node_kib'] / 1024:.0f}",
        f"{run['cpu_busy']:.0%}",
    ]


COLUMNS = [
    "case",
    "system",
    "runs",
    "limit s",
    "first s",
    "median s",
    "last s",
    "last/limit",
    "limit/last",
    "seed's payload, copies",
    "payload received, copies",
    "seed's link, copies",
    "link bytes per node, copies",
    "into a rack, copies",
    "processor s",
    "peak MiB seed, node",
    "busy",
    "notes",
]


def table(results: list[dict]) -> str:
    """The table, what its rows mean, and the goals."""
    rows = rows_of(results)
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for (name, system), row in rows.items():
        if row.middle is None:
            cells = [""] * (len(COLUMNS) - 4)
        else:
            cells = _floor_cells(row) if system == "floor" else _cells(row)
        system = system.removeprefix("exec:").replace("follow", "shoal, following")
        said = "; ".join(figures.notes(row)).replace("|", "/").replace("\n", " ")
        lines.append("| " + " | ".join([name, system, str(len(row.runs)), *cells, said]) + " |")
    seen: list[Case] = list({row.case.name: row.case for row in rows.values()}.values())
    lines += ["", *(f"{case.name}: {case.about}" for case in seen), ""]
    lines += ["Each row is the run with the median time; payload copies are the most of its runs. Goals:"]
    return "\n".join(lines + figures.goal_lines(rows))
