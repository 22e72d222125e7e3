"""Lines of JSON over a unix socket: framing, bounds and the errors of ``handoff/1``."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from typing import Any, Dict, Optional

LINE_BYTES_MAX = 1_048_576
"""The longest line, newline included, in either direction."""

NESTING_MAX = 32
"""How deep a message may nest objects and arrays."""

ID_MAX = 2**53 - 1
"""The largest id of a request."""

MESSAGE_TEXT_MAX = 1024
"""The longest error text, in characters."""

PROTOCOL = 1
"""The version of the protocol that is spoken here."""

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")

Message = Dict[str, Any]


class HandoffError(Exception):
    """Something that is answered with an error code of the protocol."""

    def __init__(self, code: str, message: str, retryable: bool = False, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.fields = fields

    def body(self) -> Message:
        """The value of the field ``error``."""
        text = " ".join(self.message.split())[:MESSAGE_TEXT_MAX]
        return {"code": self.code, "message": text, "retryable": self.retryable}


class LoadError(HandoffError):
    """Raised by a loader to choose the error code: ``load_failed``, ``out_of_memory``, ``unsupported_format`` …"""

    def __init__(self, message: str, code: str = "load_failed", retryable: bool = False) -> None:
        super().__init__(code, message, retryable)


class ProtocolBroken(Exception):
    """The peer broke the protocol in a way that ends the connection."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ConnectionLost(Exception):
    """The connection ended; the reason is in the text."""


def is_digest(value: object) -> bool:
    """True for 64 lower-case hexadecimal digits."""
    return isinstance(value, str) and _DIGEST.match(value) is not None


def nesting(line: bytes) -> int:
    """How deep the objects and arrays of a line are nested at most, found without recursion."""
    opened = line.count(b"{") + line.count(b"[")
    if opened <= NESTING_MAX:
        return opened
    depth = deepest = 0
    in_string = escaped = False
    for byte in line:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def decode(line: bytes) -> Message:
    """The object of one line; ``ProtocolBroken`` if it holds none."""
    try:
        if nesting(line) > NESTING_MAX:
            raise ValueError("nested too deep")
        value = json.loads(line.decode("utf-8"), parse_constant=_reject_constant)
    except ValueError as error:
        raise ProtocolBroken("bad_message", f"the line is not JSON: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise ProtocolBroken("bad_message", "the line is not an object with a type")
    return value


def encode(message: Message) -> bytes:
    """The line of a message, newline included."""
    line = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    if len(line) > LINE_BYTES_MAX:
        raise ValueError(f"a message of {len(line)} bytes")
    return line


class Channel:
    """One connection: whole messages in and out. One thread receives; any thread may send."""

    SEND_SECONDS_MAX = 10.0
    """A peer that takes no bytes for so long is given up."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.settimeout(self.SEND_SECONDS_MAX)
        self._rest = bytearray()
        self._send_lock = threading.Lock()
        self._closed = False

    def send(self, message: Message) -> None:
        """Sends one message; ``ConnectionLost`` if that is not possible any more."""
        line = encode(message)
        with self._send_lock:
            if self._closed:
                raise ConnectionLost("closed")
            try:
                self._socket.sendall(line)
            except OSError as error:
                self._close_now()
                raise ConnectionLost(f"cannot send: {error}") from None

    def receive(self, deadline: Optional[float] = None) -> Optional[Message]:
        """The next message; None at the end of the stream.

        Raises ``ProtocolBroken`` for what is no message, and ``ConnectionLost`` when the connection fails or
        ``deadline`` (monotonic seconds) passes.
        """
        searched = 0
        while True:
            end = self._rest.find(b"\n", searched)
            if end >= 0 and end + 1 <= LINE_BYTES_MAX:
                line = bytes(self._rest[:end])
                del self._rest[: end + 1]
                return decode(line)
            if end >= 0 or len(self._rest) >= LINE_BYTES_MAX:
                raise ProtocolBroken("bad_message", f"a line of more than {LINE_BYTES_MAX} bytes")
            searched = len(self._rest)
            piece = self._read(deadline)
            if not piece:
                return None
            self._rest += piece

    def _read(self, deadline: Optional[float]) -> bytes:
        # The socket's own time-out serves sending; an idle peer is no fault, so reading goes on after it.
        while True:
            if deadline is not None and time.monotonic() >= deadline:
                raise ConnectionLost("no answer in time")
            try:
                return self._socket.recv(65_536)
            except socket.timeout:
                continue
            except OSError as error:
                raise ConnectionLost(f"cannot receive: {error}") from None

    def close(self) -> None:
        """Ends the connection; a thread that receives sees its end."""
        self._close_now()

    def _close_now(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
