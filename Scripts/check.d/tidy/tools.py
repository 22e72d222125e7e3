"""What other tools judge: the formatter, the shell, Python's parser."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from .tree import Finding, Tree

_TOOL_SECONDS_MAX = 120
_DIAGNOSTIC = re.compile(r"^(?P<path>.+?):(?P<line>\d+):\d+: (?:error|warning): (?P<message>.*)$")


def swift_format(tree: Tree) -> Iterator[Finding]:
    """swift format lint --strict is clean"""
    if not tree.files(".swift"):
        return
    if shutil.which("swift") is None:
        print("check: swift is not installed, so the format was not checked", file=sys.stderr)
        yield Finding("Sources", 1, "swift-format", "swift is missing; install Swift 6.3 and put it on the PATH")
        return
    folders = [folder for folder in ("Sources", "Tests") if tree.files(".swift", under=folder + "/")]
    command = ["swift", "format", "lint", "--strict", "--parallel", "--recursive", *folders]
    result = subprocess.run(command, cwd=tree.root, capture_output=True, text=True, timeout=_TOOL_SECONDS_MAX)
    diagnostics = [m for line in (result.stdout + result.stderr).splitlines() if (m := _DIAGNOSTIC.match(line))]
    for match in diagnostics:
        path = match["path"].removeprefix(f"{tree.root}/")
        message = f"{match['message']}; `swift format -i {path}` mends what is layout"
        yield Finding(path, int(match["line"]), "swift-format", message)
    if result.returncode != 0 and not diagnostics:
        yield Finding("Sources", 1, "swift-format", f"the formatter failed: {result.stderr.strip()[-300:]}")


def shell_syntax(tree: Tree) -> Iterator[Finding]:
    """bash -n accepts each shell script"""
    for path in tree.scripts("sh"):
        result = subprocess.run(["bash", "-n", path], cwd=tree.root, capture_output=True, text=True,
                                timeout=_TOOL_SECONDS_MAX)
        if result.returncode != 0:
            line = re.search(r"line (\d+)", result.stderr)
            yield Finding(path, int(line[1]) if line else 1, "shell-syntax", result.stderr.strip().splitlines()[0])


def python_syntax(tree: Tree) -> Iterator[Finding]:
    """each Python file parses"""
    for path in tree.scripts("python3"):
        try:
            ast.parse(tree.text(path))
        except SyntaxError as error:
            yield Finding(path, error.lineno or 1, "python-syntax", f"does not parse: {error.msg}")

