"""The list of types that promise thread safety without the compiler's help."""

import re
from collections.abc import Iterator

from .tree import Finding, Tree

LIST = "Scripts/unchecked-sendable.txt"
_UNCHECKED = re.compile(r"@unchecked\s+Sendable\b")
_TYPE = re.compile(r"\b(?:class|struct|enum|extension)\s+([\w.]+)")


def unchecked_sendables(tree: Tree) -> Iterator[Finding]:
    """each @unchecked Sendable is listed with its reason, and the list names no other"""
    listed, found = {}, set()
    for number, path, name, reason in _entries(tree):
        listed[path, name] = number
        if not reason:
            yield Finding(LIST, number, "unchecked-sendable", "no reason; write `path type why it is safe`")
    for path, source in tree.swift("Sources/"):
        for match in _UNCHECKED.finditer(source.code):
            names = _TYPE.findall(source.code, 0, match.start())
            name = names[-1] if names else "?"
            found.add((path, name))
            if (path, name) not in listed:
                message = f"{name} is not in {LIST}; make it Sendable, or list it with a reason"
                yield Finding(path, source.line(match.start()), "unchecked-sendable", message)
    for (path, name), number in listed.items():
        if (path, name) not in found:
            message = f"{path} has no @unchecked Sendable {name} any more; remove the line"
            yield Finding(LIST, number, "unchecked-sendable", message)


def _entries(tree: Tree) -> Iterator[tuple[int, str, str, str]]:
    """(line, path, type, reason) of each entry; `#` begins a comment."""
    if LIST not in tree.files():
        return
    for number, line in enumerate(tree.text(LIST).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            path, name, reason = (line.split(maxsplit=2) + ["", ""])[:3]
            yield number, path, name, reason
