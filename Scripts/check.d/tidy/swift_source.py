"""A Swift file with its comments and the insides of its strings blanked out, so that rules see code only."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

_CODE = re.compile(r'//|/\*|(?P<hashes>#*)(?P<quote>"""|")')
_CODE_IN_PARENTHESES = re.compile(_CODE.pattern + r"|[()]")
_BLOCK_COMMENT = re.compile(r"/\*|\*/")
_IMPORT = re.compile(
    r"^[ \t]*(?:@\w+(?:\([^)\n]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?"
    r"import\s+(?:(?:typealias|struct|class|enum|protocol|let|var|func|actor)\s+)?(\w+)",
    re.MULTILINE,
)
_FUNCTION = re.compile(
    r"(?<![.\w`])(?:func\s+(?P<name>[^\s(<]+)|(?P<init>init)[?!]?\s*[(<]|(?P<deinit>deinit)\s*(?=\{)"
    r"|(?P<subscript>subscript)\s*[(<]|var\s+(?P<property>\w+)\s*:[^={\n]*(?=\{))"
)
_HEADER_STEP = re.compile(r"[(){}\[\]]|\b(?:func|var|let|init|case|static|subscript|associatedtype|typealias)\b")


@dataclass(frozen=True)
class Function:
    """A function, initialiser, subscript or computed property: its first and last line."""

    name: str
    first_line: int
    last_line: int


class SwiftSource:
    def __init__(self, text: str) -> None:
        self.text = text
        self._blanked = list(text)
        self.comments: list[tuple[int, str]] = []  # (offset, text)
        self._scan_code(0, in_parentheses=False)
        self.code = "".join(self._blanked)
        self._line_starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def line(self, offset: int) -> int:
        """The line, from 1, of an offset."""
        return bisect_right(self._line_starts, offset)

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """(line, module) of each import."""
        return [(self.line(match.start(1)), match[1]) for match in _IMPORT.finditer(self.code)]

    @cached_property
    def functions(self) -> list[Function]:
        found = []
        for match in _FUNCTION.finditer(self.code):
            body = self._body(match.end() - (self.code[match.end() - 1] in "(<"))
            if body is not None:
                name = next(group for group in match.groups() if group)
                found.append(Function(name, self.line(match.start()), self.line(self.matching(body))))
        return found

    def matching(self, opening: int) -> int:
        """The offset of the brace or parenthesis that closes the one at `opening` (the end, if none does)."""
        depth = 0
        pair = {"{": r"[{}]", "(": r"[()]"}[self.code[opening]]
        for match in re.compile(pair).finditer(self.code, opening):
            depth += 1 if match[0] in "{(" else -1
            if depth == 0:
                return match.start()
        return len(self.code) - 1

    def _body(self, offset: int) -> int | None:
        """Where the body of a declaration begins; nil for a protocol's requirement, which has none."""
        depth = 0
        for match in _HEADER_STEP.finditer(self.code, offset):
            step = match[0]
            if step == "{" and depth == 0:
                return match.start()
            if step in "([{":
                depth += 1
            elif step in ")]}":
                depth -= 1
            if depth < 0 or depth == 0 and step.isalpha():
                return None
        return None

    # Scanning. Each method takes the offset at which its piece begins and returns the one behind it.

    def _scan_code(self, offset: int, in_parentheses: bool) -> int:
        pattern, depth = (_CODE_IN_PARENTHESES if in_parentheses else _CODE), 0
        while match := pattern.search(self.text, offset):
            token, offset = match[0], match.end()
            if token == "//":
                offset = self._scan_line_comment(match.start())
            elif token == "/*":
                offset = self._scan_block_comment(match.start())
            elif token == "(":
                depth += 1
            elif token == ")":
                depth -= 1
                if depth == 0:
                    return offset
            else:
                offset = self._scan_string(offset, match["hashes"], match["quote"])
        return len(self.text)

    def _scan_line_comment(self, start: int) -> int:
        end = self.text.find("\n", start)
        return self._comment(start, len(self.text) if end < 0 else end)

    def _scan_block_comment(self, start: int) -> int:
        depth = 0
        for match in _BLOCK_COMMENT.finditer(self.text, start):
            depth += 1 if match[0] == "/*" else -1
            if depth == 0:
                return self._comment(start, match.end())
        return self._comment(start, len(self.text))

    def _scan_string(self, offset: int, hashes: str, quote: str) -> int:
        """Blanks the string's own characters and scans what it interpolates as code."""
        stop = re.compile(rf"\\{hashes}\(|\\{hashes}.|{quote}{hashes}" + ("" if quote == '"""' else r"|\n"), re.DOTALL)
        while match := stop.search(self.text, offset):
            self._blank(offset, match.start())
            if match[0] == quote + hashes or match[0] == "\n":
                return match.end()
            if match[0].endswith("("):
                offset = self._scan_code(match.end() - 1, in_parentheses=True)
            else:
                self._blank(match.start(), match.end())
                offset = match.end()
        self._blank(offset, len(self.text))
        return len(self.text)

    def _comment(self, start: int, end: int) -> int:
        self.comments.append((start, self.text[start:end]))
        self._blank(start, end)
        return end

    def _blank(self, start: int, end: int) -> None:
        self._blanked[start:end] = ["\n" if character == "\n" else " " for character in self.text[start:end]]
