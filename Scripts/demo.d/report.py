"""The table at the end of the demo."""

from dataclasses import dataclass, field

MEGABYTE = 1e6


@dataclass
class Delivery:
    """How one version came to the nodes. Times are seconds from the start of `shoal seed`."""

    version: str
    complete: dict[str, float] = field(default_factory=dict)  # node -> when it had all of it, durably
    served: dict[str, float] = field(default_factory=dict)  # node -> when its inference process served it
    received: dict[str, dict[str, int]] = field(default_factory=dict)  # node -> neighbour -> bytes of chunks


def table(deliveries: list[Delivery], served: dict[str, str | None], seed: str = "seed") -> str:
    """One row per version and node, a line for the last node of each version, and what is served in the end."""
    rows = [("VERSION", "NODE", "COMPLETE", "FROM THE SEED", "FROM NEIGHBOURS", "SERVING SINCE", "SERVED IN THE END")]
    for delivery in deliveries:
        for node in sorted(delivery.complete):
            sources = delivery.received[node]
            from_seed = sources.get(seed, 0)
            rows.append((
                delivery.version, node, seconds(delivery.complete[node]), megabytes(from_seed),
                megabytes(sum(sources.values()) - from_seed), seconds(delivery.served.get(node)),
                (served.get(node) or "nothing") if node in served and delivery is deliveries[-1] else "",
            ))
    lines = [*aligned(rows), ""]
    for delivery in deliveries:
        last = max(delivery.complete, key=lambda node: delivery.complete[node])
        lines.append(f"{delivery.version}: {seconds(delivery.complete[last])} to the last node ({last})")
    return "\n".join(lines)


def costs(deliveries: list[Delivery], sizes: dict[str, int]) -> str:
    """What each version cost: its size, the most that a node was sent of it, and what that node had already."""
    rows = [("VERSION", "SIZE", "SENT TO A NODE", "HERE ALREADY")]
    for delivery in deliveries:
        size = sizes[delivery.version]
        sent = max(sum(sources.values()) for sources in delivery.received.values())
        rows.append((delivery.version, megabytes(size), megabytes(sent), megabytes(max(0, size - sent))))
    return "\n".join(aligned(rows))


def seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def megabytes(count: int) -> str:
    return f"{count / MEGABYTE:.1f} MB"


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
