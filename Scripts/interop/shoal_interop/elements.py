"""The elements of documents.md, section 1: numbers, strings, lists, names. Everything that reads is strict."""

import re

FORMAT = 1
CHUNK_BYTES_MAX = 4_194_304
CHUNK_BYTES_FIXED_MIN = 16_384
SECONDS_MAX = 2**53 - 1


class Refused(Exception):
    """Input that the pages say must be refused. `reason` is one word of README.md's table, `detail` is for people."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Reader:
    """Reads elements from bytes. Every read is bounded by what is left, so a hostile count costs nothing."""

    def __init__(self, data: bytes):
        self.data = bytes(data)
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def bytes(self, count: int) -> bytes:
        if count > self.left:
            raise Refused("truncated", f"{count} bytes wanted at {self.at}, {self.left} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.bytes(self.left)

    def number(self, width: int) -> int:
        return int.from_bytes(self.bytes(width), "big")

    def u8(self) -> int:
        return self.number(1)

    def u16(self) -> int:
        return self.number(2)

    def u32(self) -> int:
        return self.number(4)

    def u64(self) -> int:
        return self.number(8)

    def ranged(self, width: int, low: int, high: int, what: str) -> int:
        value = self.number(width)
        if not low <= value <= high:
            raise Refused("outOfRange", f"{what} is {value}, must be {low} to {high}")
        return value

    def time(self, what: str) -> int:
        return self.ranged(8, 0, SECONDS_MAX, what)

    def string(self, what: str, low: int = 0, high: int = 0xFFFF) -> str:
        count = self.u16()
        if not low <= count <= high:
            raise Refused("outOfRange", f"{what} has {count} bytes, must have {low} to {high}")
        try:
            return self.bytes(count).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("notUTF8", f"{what}: {error}") from None

    def end(self) -> None:
        if self.left:
            raise Refused("trailing", f"{self.left} bytes follow the end")


class Writer:
    """Writes elements. A value that does not fit its field is our own mistake and raises OverflowError."""

    def __init__(self):
        self.parts: list[bytes] = []

    def bytes(self, value: bytes) -> "Writer":
        self.parts.append(bytes(value))
        return self

    def number(self, width: int, value: int) -> "Writer":
        return self.bytes(value.to_bytes(width, "big"))

    def u8(self, value: int) -> "Writer":
        return self.number(1, value)

    def u16(self, value: int) -> "Writer":
        return self.number(2, value)

    def u32(self, value: int) -> "Writer":
        return self.number(4, value)

    def u64(self, value: int) -> "Writer":
        return self.number(8, value)

    def string(self, value: str) -> "Writer":
        encoded = value.encode("utf-8")
        return self.u16(len(encoded)).bytes(encoded)

    def blob16(self, value: bytes) -> "Writer":
        return self.u16(len(value)).bytes(value)

    def done(self) -> bytes:
        return b"".join(self.parts)


def require_ascending(keys: list, what: str) -> None:
    """Strictly ascending by the bytes of the keys; equal neighbours are refused too."""
    raw = [key.encode("utf-8") if isinstance(key, str) else bytes(key) for key in keys]
    for before, after in zip(raw, raw[1:]):
        if before >= after:
            raise Refused("notAscending", what)


PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", re.ASCII)
HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{8,}\Z", re.ASCII)


def part(value: str, what: str) -> str:
    if not PART.match(value):
        raise Refused("badName", f"{what} {value!r} is not a part")
    return value


def model(value: str) -> str:
    pieces = value.split("/")
    for piece in pieces:
        part(piece, "model")
    if len(value) > 128 or "versions" in pieces or "current" in pieces:
        raise Refused("badName", f"model {value!r}")
    return value


def tag(value: str) -> str:
    part(value, "tag")
    if HEXADECIMAL.match(value):
        raise Refused("badName", f"tag {value!r} looks like a digest")
    return value


def pattern(value: str) -> str:
    if value == "*":
        return value
    model(value[:-2] if value.endswith("/*") else value)
    return value


def pattern_matches(value: str, name: str) -> bool:
    if value == "*" or value == name:
        return True
    return value.endswith("/*") and name.startswith(value[:-1])


def file_path(value: str) -> str:
    raw = value.encode("utf-8")
    pieces = raw.split(b"/")
    bad = (
        len(raw) > 1_024
        or len(pieces) > 32
        or any(not 1 <= len(piece) <= 255 or piece in (b".", b"..") for piece in pieces)
        or any(byte < 0x20 or byte in (0x7F, 0x5C) for byte in raw)
    )
    if bad:
        raise Refused("badName", f"path {value!r}")
    return value


def read_name(reader: Reader, check, what: str) -> str:
    """A string that must be a name by `check` (one of the functions above)."""
    value = reader.string(what)
    return check(value) if check in (model, tag, pattern, file_path) else part(value, what)


def read_list(count: int, low: int, high: int, what: str, entry) -> list:
    """`count` entries by `entry()`, the count being checked first."""
    if not low <= count <= high:
        raise Refused("outOfRange", f"{count} {what}, must be {low} to {high}")
    return [entry() for _ in range(count)]


def read_format(reader: Reader) -> None:
    value = reader.u16()
    if value > FORMAT:
        raise Refused("upgrade", f"format {value}; this agent knows {FORMAT}: upgrade it")
    if value != FORMAT:
        raise Refused("outOfRange", f"format {value}")
