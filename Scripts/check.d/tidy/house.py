"""The table of the house: each target's floor and what it may import. Arrows point down only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One row of the table."""

    floor: int
    imports: frozenset[str]


def _row(floor: int, *imports: str) -> Target:
    return Target(floor, frozenset(imports))


_PURE = ("Units", "Wire", "Manifest", "Chunking", "Swarm", "Fleet", "Rollout")
_SHELL = ("EventLoop", "Crypto", "Files", "HTTPClient", "Trust", "Store", "Handoff", "Control")

TARGETS: dict[str, Target] = {
    "Units": _row(0),
    "Wire": _row(1, "Units"),
    "Manifest": _row(1, "Units"),
    "Chunking": _row(1, "Units"),
    "Swarm": _row(2, "Units", "Wire", "Manifest"),
    "Fleet": _row(2, "Units", "Wire"),
    "Rollout": _row(2, "Units", "Manifest"),
    "EventLoop": _row(3, "Units", "CLibuv", "CLinux"),
    "Crypto": _row(3, "Units", "COpenSSL"),
    "Files": _row(4, "Units", "EventLoop", "CLinux"),
    "HTTPClient": _row(4, "Units", "EventLoop", "CCurl"),
    "Trust": _row(5, "Units", "Manifest", "Crypto", "EventLoop", "Files"),
    "Store": _row(5, "Units", "Manifest", "Chunking", "Crypto", "EventLoop", "Files"),
    "Handoff": _row(5, "Units", "Manifest", "EventLoop", "HTTPClient"),
    "Control": _row(5, "Units", "Manifest", "EventLoop"),
    "Agent": _row(6, *_PURE, *_SHELL, "TOMLKit", "Logging"),
    "shoal": _row(7, *_PURE, *_SHELL, "Agent", "ArgumentParser"),
    "Simulator": _row(6, *_PURE, "ArgumentParser"),
    "shoal-sim": _row(7, *_PURE, "Simulator", "ArgumentParser"),
}

# System libraries: a module map and a shim, no Swift.
C_TARGETS = frozenset({"CLibuv", "COpenSSL", "CCurl", "CLinux"})

# Floors up to this one are pure: no clock, no randomness of the system, no I/O, no logging.
PURE_FLOOR_MAX = 2

# swift-collections, on every floor.
COLLECTIONS = frozenset({
    "BasicContainers", "BitCollections", "Collections", "ContainersPreview", "DequeModule", "HashTreeCollections",
    "HeapModule", "OrderedCollections", "SortedCollections",
})

# What the platform gives to the floors that may do I/O.
PLATFORM = frozenset({"FoundationEssentials", "Glibc", "Synchronization"})

# What any test may import beside what its target may: tests read vectors and time themselves.
TEST_PLATFORM = frozenset({"Testing", "Foundation"}) | PLATFORM

# What tests of several targets share.
TEST_KITS = frozenset({"HTTPTesting"})

# What no pure floor may import, whatever its row says.
IMPURE = frozenset({
    "Darwin", "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Logging", "Metrics", "Musl",
    "Synchronization", "os",
})


def allowed(target: str) -> frozenset[str]:
    """What a target's sources may import."""
    row = TARGETS[target]
    return row.imports | COLLECTIONS | (PLATFORM if row.floor > PURE_FLOOR_MAX else frozenset())


def allowed_in_tests(target: str) -> frozenset[str]:
    """What the tests of a target may import; IntegrationTests and test kits, which have no target, may import all."""
    if target not in TARGETS:
        return frozenset(TARGETS) | C_TARGETS | COLLECTIONS | TEST_PLATFORM | {"TOMLKit", "Logging", "ArgumentParser"}
    return allowed(target) | {target} | TEST_KITS | TEST_PLATFORM


def is_pure(target: str) -> bool:
    return target in TARGETS and TARGETS[target].floor <= PURE_FLOOR_MAX
