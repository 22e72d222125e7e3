"""What traps without a word: forced unwraps, tries and casts, unowned references, and fatalError."""

import re
from collections.abc import Iterator

from .tree import Finding, Tree

# A `!` that touches what stands before it unwraps it (or declares an implicitly unwrapped type). `!=` is an operator,
# and `try!` and `as!` have rules of their own.
_UNWRAP = re.compile(r"(?<=[\w)\]}>\"`?!])!(?!=)")
_TRY_OR_AS = re.compile(r"\b(?:try|as)\Z")


def forced_unwraps(tree: Tree) -> Iterator[Finding]:
    """no forced unwrap, no implicitly unwrapped type"""
    for path, source in tree.swift("Sources/"):
        for match in _UNWRAP.finditer(source.code):
            if not _TRY_OR_AS.search(source.code, max(0, match.start() - 5), match.start()):
                message = "`!` traps without a word; use `guard let … else { preconditionFailure(…) }` or throw"
                yield Finding(path, source.line(match.start()), "forced-unwrap", message)


def forced_tries(tree: Tree) -> Iterator[Finding]:
    """no try!"""
    return _banned(tree, r"\btry!", "forced-try", "`try!` traps on an operating error; handle it or throw it")


def forced_casts(tree: Tree) -> Iterator[Finding]:
    """no as!"""
    return _banned(tree, r"\bas\s?!", "forced-cast", "`as!` traps on a surprise; use `as?` and say what else happens")


def unowned_references(tree: Tree) -> Iterator[Finding]:
    """no unowned reference"""
    advice = "`unowned` traps where work outlives its object; hold it weakly, or for as long as it is needed"
    return _banned(tree, r"\bunowned(?:\(\w+\))?\s+[A-Za-z_]", "unowned-reference", advice)


def fatal_errors(tree: Tree) -> Iterator[Finding]:
    """no fatalError"""
    advice = "for our bugs use precondition or preconditionFailure with the values, for operating errors throw"
    return _banned(tree, r"\bfatalError\b", "fatal-error", advice)


def _banned(tree: Tree, pattern: str, rule: str, message: str) -> Iterator[Finding]:
    for path, source in tree.swift("Sources/"):
        for match in re.finditer(pattern, source.code):
            yield Finding(path, source.line(match.start()), rule, message)
