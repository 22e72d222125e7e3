"""Who may import whom."""

from collections.abc import Iterator

from . import house
from .tree import Finding, Tree, folder_of


def import_edges(tree: Tree) -> Iterator[Finding]:
    """a target imports only what its row of the table names"""
    for path, source in tree.swift("Sources/"):
        target = folder_of(path)
        if target not in house.TARGETS:
            yield Finding(path, 1, "import-edge", f"{target} has no row; add one to Scripts/check.d/tidy/house.py")
            continue
        # What other rules refuse by a better message is left to them.
        reported = house.IMPURE if house.is_pure(target) else frozenset({"Foundation"})
        for line, module in source.imports:
            if module not in house.allowed(target) | reported:
                yield _edge(path, line, target, module)
    for path, source in tree.swift("Tests/"):
        target = folder_of(path).removesuffix("Tests")
        for line, module in source.imports:
            if module not in house.allowed_in_tests(target):
                yield _edge(path, line, folder_of(path), module)


def import_foundation(tree: Tree) -> Iterator[Finding]:
    """no product target imports Foundation, which brings 44 MB of ICU"""
    for path, source in tree.swift("Sources/"):
        for line, module in source.imports:
            if module == "Foundation":
                message = "no product target imports Foundation; from floor 3 up FoundationEssentials may serve"
                yield Finding(path, line, "import-foundation", message)


def _edge(path: str, line: int, target: str, module: str) -> Finding:
    message = f"{target} may not import {module}; move the code to the floor that may, or pass the value in"
    return Finding(path, line, "import-edge", message)
