"""Floors 0 to 2 are pure, so that the simulator can replay ten thousand of them from a seed."""

import re
from collections.abc import Iterator

from . import house
from .swift_source import SwiftSource
from .tree import Finding, Tree, folder_of

# pattern in code -> what it is and what to do instead
_BANNED: dict[str, str] = {
    r"\basync\b|\bawait\b": "asynchronous code; take an event and emit an effect",
    r"\bTask\b(?=\s*[.({<])|\bTaskGroup\b|\bwith(?:Throwing|Discarding)*TaskGroup\b": "a task; emit an effect",
    r"\bactor\s+\w+|@MainActor\b": "an actor; a pure machine is a struct",
    r"\bContinuousClock\b|\bSuspendingClock\b": "a clock; take the time as an argument",
    r"\bSystemRandomNumberGenerator\b": "the system's randomness; take a SplitMix64 with a seed",
    r"(?<![.\w])(?<!func )(?:print|debugPrint|dump|NSLog|os_log)\s*\(": "output; emit a note as an effect",
    r"\bLogger\s*\(|\bLogger\b(?=\.)": "logging; emit a note as an effect",
}
_RANDOM_CALL = re.compile(r"\.(?:random|randomElement|shuffle|shuffled)\s*(?=\()")


def pure_imports(tree: Tree) -> Iterator[Finding]:
    """floors 0 to 2 import nothing that reaches the outside world"""
    for path, source in _pure_sources(tree):
        for line, module in source.imports:
            if module in house.IMPURE and module != "Foundation":
                message = f"{folder_of(path)} is on a pure floor and may not import {module}; pass the value in"
                yield Finding(path, line, "pure-import", message)


def pure_calls(tree: Tree) -> Iterator[Finding]:
    """floors 0 to 2 have no async code, clock, system randomness, output or logging"""
    for path, source in _pure_sources(tree):
        for pattern, meaning in _BANNED.items():
            for match in re.finditer(pattern, source.code):
                yield _call(path, source, match, f"`{match[0].rstrip(' (')}` is {meaning}")
        for match in _RANDOM_CALL.finditer(source.code):
            if "using:" not in source.code[match.end():source.matching(match.end())]:
                advice = f"`{match[0].strip()}` without `using:` takes the system's randomness; pass a SplitMix64"
                yield _call(path, source, match, advice)


def _pure_sources(tree: Tree) -> Iterator[tuple[str, SwiftSource]]:
    return ((path, source) for path, source in tree.swift("Sources/") if house.is_pure(folder_of(path)))


def _call(path: str, source: SwiftSource, match: re.Match[str], message: str) -> Finding:
    return Finding(path, source.line(match.start()), "pure-call", f"on a pure floor, {message}")
