"""Notes that the authors leave for themselves."""

import io
import re
import tokenize
from collections.abc import Iterator

from .tree import Finding, Tree

_TODO = re.compile(r"\bTODO\b(?!\(#\d+\):)")
_FIXME = re.compile(r"\bFIXME\b")


def todos(tree: Tree) -> Iterator[Finding]:
    """a TODO names its issue"""
    return _notes(tree, _TODO, "todo", "name the issue, as in TODO(#123): what is to do")


def fixmes(tree: Tree) -> Iterator[Finding]:
    """no FIXME"""
    return _notes(tree, _FIXME, "fixme", "mend it, or file an issue and write a TODO with its number")


def _notes(tree: Tree, pattern: re.Pattern[str], rule: str, message: str) -> Iterator[Finding]:
    for path, line, comment in _comments(tree):
        for match in pattern.finditer(comment):
            yield Finding(path, line + comment.count("\n", 0, match.start()), rule, message)


def _comments(tree: Tree) -> Iterator[tuple[str, int, str]]:
    """(path, line, text) of each comment."""
    for path, source in tree.swift("Sources/") + tree.swift("Tests/"):
        yield from ((path, source.line(offset), text) for offset, text in source.comments)
    for path in tree.files(".c", ".h", under="Sources/"):
        yield path, 1, tree.text(path)
    for path in tree.scripts("python3"):
        yield from ((path, line, text) for line, text in _python_comments(tree.text(path)))
    for path in tree.scripts("sh"):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            yield path, number, line.partition("#")[2]


def _python_comments(text: str) -> Iterator[tuple[int, str]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):
        return  # the rule python-syntax says so
