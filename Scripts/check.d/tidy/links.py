"""Links in Markdown files lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from .tree import Finding, Tree

_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_CODE_SPAN = re.compile(r"(`+).*?\1")
_ELSEWHERE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|#")


def links(tree: Tree) -> Iterator[Finding]:
    """a link in a Markdown file names a file that exists"""
    for path in tree.files(".md"):
        for number, line in _prose(tree.text(path)):
            for match in _LINK.finditer(line):
                link = match[1] or match[2]
                if not _ELSEWHERE.match(link) and not _exists(tree.root, path, link):
                    message = f"{link} does not exist; mend the link, or add the file"
                    yield Finding(path, number, "link", message)


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines outside of fenced code, with code spans taken out."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, _CODE_SPAN.sub("", line)


def _exists(root: Path, path: str, link: str) -> bool:
    name = unquote(link.split("#")[0].split("?")[0])
    return ((root / name.lstrip("/")) if name.startswith("/") else (root / path).parent / name).exists()
