"""GOODBYE codes and the exception that carries one (wire.md, section 5)."""

from enum import IntEnum


class Code(IntEnum):
    """GOODBYE codes."""

    LEAVING = 0
    DUPLICATE = 1
    SELF = 2
    UNSUPPORTED = 3
    MALFORMED = 4
    TOO_LARGE = 5
    OUT_OF_ORDER = 6
    UNSOLICITED = 7
    UNKNOWN_VERSION = 8
    BAD_CHUNK = 9
    BAD_DOCUMENT = 10
    TOO_MANY_ADDRESSES = 11
    SLOW = 12
    SILENT = 13
    DENIED = 14
    BUSY = 15
    STALLED = 16
    OTHER_CLUSTER = 17


class Violation(Exception):
    """The peer broke the protocol: answer GOODBYE with `code` and close."""

    def __init__(self, code: Code, detail: str = ""):
        super().__init__(f"{code.name.lower()}: {detail}")
        self.code = code
        self.detail = detail
