"""The rules behind Scripts/check. A rule is a function from a Tree to findings."""

from collections.abc import Callable, Iterable

from . import edges, hazards, links, notes, purity, sendable, sizes, tools
from .tree import Finding, Tree

Rule = Callable[[Tree], Iterable[Finding]]

RULES: dict[str, Rule] = {
    "import-edge": edges.import_edges,
    "import-foundation": edges.import_foundation,
    "pure-import": purity.pure_imports,
    "pure-call": purity.pure_calls,
    "forced-unwrap": hazards.forced_unwraps,
    "forced-try": hazards.forced_tries,
    "forced-cast": hazards.forced_casts,
    "unowned-reference": hazards.unowned_references,
    "fatal-error": hazards.fatal_errors,
    "file-size": sizes.file_sizes,
    "function-size": sizes.function_sizes,
    "line-size": sizes.line_sizes,
    "unchecked-sendable": sendable.unchecked_sendables,
    "todo": notes.todos,
    "fixme": notes.fixmes,
    "link": links.links,
    "swift-format": tools.swift_format,
    "shell-syntax": tools.shell_syntax,
    "python-syntax": tools.python_syntax,
}
