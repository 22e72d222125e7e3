"""The tree under check: its files, read once, and where each belongs."""

import os
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from .swift_source import SwiftSource


@dataclass(frozen=True, order=True)
class Finding:
    """A breach of a rule; the message says what to do about it."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class Tree:
    """All files below a folder, but for what builds leave and what git keeps."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def _files(self) -> tuple[str, ...]:
        found = []
        for folder, names, files in os.walk(self.root):
            names[:] = sorted(n for n in names if not n.startswith(".build") and n not in {".git", "__pycache__"})
            found += [os.path.relpath(os.path.join(folder, name), self.root) for name in files]
        return tuple(sorted(found))

    def files(self, *suffixes: str, under: str = "") -> list[str]:
        """Paths relative to the root, with `/`, that end with one of the suffixes (any, if none is given)."""
        return [f for f in self._files if f.startswith(under) and (not suffixes or f.endswith(suffixes))]

    @cache
    def scripts(self, interpreter: str) -> tuple[str, ...]:
        """Scripts of Scripts/ and .ci/ for an interpreter (`sh`, `python3`), known by their suffix or first line."""
        suffix = {"sh": ".sh", "python3": ".py"}[interpreter]
        paths = self.files(under="Scripts/") + self.files(under=".ci/")
        return tuple(p for p in paths if p.endswith(suffix) or self._first_line_names(p, interpreter))

    def _first_line_names(self, path: str, interpreter: str) -> bool:
        if "." in path.rsplit("/", 1)[1]:
            return False
        with open(self.root / path, "rb") as file:
            line = file.read(80).split(b"\n")[0]
        return line.startswith(b"#!") and line.split()[-1].endswith(interpreter.encode())

    @cache
    def text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def swift(self, under: str) -> list[tuple[str, SwiftSource]]:
        """The Swift files below a folder (`Sources/`, `Tests/`)."""
        return [(path, self._swift(path)) for path in self.files(".swift", under=under)]

    @cache
    def _swift(self, path: str) -> SwiftSource:
        return SwiftSource(self.text(path))


def folder_of(path: str) -> str:
    """The folder below Sources/ or Tests/ that a file is in: its target's name."""
    return path.split("/")[1]
