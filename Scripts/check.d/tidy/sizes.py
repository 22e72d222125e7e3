"""Sizes: what is small can be read."""

import ast
from collections.abc import Iterator

from .tree import Finding, Tree

FILE_LINE_COUNT_MAX = 600
FUNCTION_LINE_COUNT_MAX = 70
LINE_CHARACTER_COUNT_MAX = 120

# Kept as they came; they have a style of their own.
_EXEMPT = ("Scripts/bench/swarmbench/", "Scripts/faults/")


def file_sizes(tree: Tree) -> Iterator[Finding]:
    """no source file over 600 lines"""
    for path in _sources(tree):
        count = len(tree.text(path).splitlines())
        if count > FILE_LINE_COUNT_MAX:
            message = f"{count} lines, {FILE_LINE_COUNT_MAX} are the most; split it by what it does"
            yield Finding(path, FILE_LINE_COUNT_MAX + 1, "file-size", message)


def line_sizes(tree: Tree) -> Iterator[Finding]:
    """no line over 120 characters"""
    for path in _sources(tree):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if len(line) > LINE_CHARACTER_COUNT_MAX:
                message = f"{len(line)} characters, {LINE_CHARACTER_COUNT_MAX} are the most; break the line"
                yield Finding(path, number, "line-size", message)


def function_sizes(tree: Tree) -> Iterator[Finding]:
    """no function over 70 lines"""
    for path, source in tree.swift("Sources/") + tree.swift("Tests/"):
        for function in source.functions:
            yield from _judged(path, function.name, function.first_line, function.last_line)
    for path in _python_sources(tree):
        for node in _python_functions(tree.text(path)):
            yield from _judged(path, node.name, node.lineno, node.end_lineno or node.lineno)


def _judged(path: str, name: str, first: int, last: int) -> Iterator[Finding]:
    count = last - first + 1
    if count > FUNCTION_LINE_COUNT_MAX:
        message = f"{name} has {count} lines, {FUNCTION_LINE_COUNT_MAX} are the most; let it call its parts by name"
        yield Finding(path, first, "function-size", message)


def _python_functions(text: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    try:
        return [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    except SyntaxError:
        return []  # the rule python-syntax says so


def _sources(tree: Tree) -> list[str]:
    product = tree.files(".swift", ".c", ".h", under="Sources/") + tree.files(".swift", under="Tests/")
    return product + _python_sources(tree)


def _python_sources(tree: Tree) -> list[str]:
    return [path for path in tree.scripts("python3") if not path.startswith(_EXEMPT)]
