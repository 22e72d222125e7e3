"""An agent for tests: a unix socket on which the test says what it likes.

Import this before ``shoal_runtime``: it makes the package of this folder importable without installing it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from typing import Any, Dict, List, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from shoal_runtime import HandoffClient, LoadError, LoadRequest  # noqa: E402

WAIT_SECONDS = 10.0


class FakeAgent:
    """Listens at ``path``; one connection at a time."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="shoal-test-")
        self.path = os.path.join(self.folder.name, "handoff.sock")
        self._connection: Optional[socket.socket] = None
        self._listener: Optional[socket.socket] = None
        self._rest = b""
        self._last_id = 0
        self.listen()

    def listen(self) -> None:
        """Listens (anew)."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.settimeout(WAIT_SECONDS)
        self._listener.bind(self.path)
        self._listener.listen(8)

    def accept(self, lease_ms: int = 15_000) -> Dict[str, Any]:
        """Takes the next connection and welcomes it; its hello."""
        hello = self.accept_only()
        self.send({"type": "welcome", "protocol": 1, "agent": "fake", "instance": "i", "lease_ms": lease_ms})
        return hello

    def accept_only(self) -> Dict[str, Any]:
        """Takes the next connection without a welcome; its hello."""
        assert self._listener is not None
        self.hang_up()
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(WAIT_SECONDS)
        self._rest = b""
        return self.receive()

    def send(self, message: Any) -> None:
        """Sends an object as a line."""
        self.send_raw(json.dumps(message).encode() + b"\n")

    def send_raw(self, data: bytes) -> None:
        """Sends bytes as they are."""
        assert self._connection is not None
        self._connection.sendall(data)

    def request(self, kind: str, **fields: Any) -> int:
        """Sends a request; its id."""
        self._last_id += 1
        self.send({"type": kind, "id": self._last_id, **fields})
        return self._last_id

    def receive(self) -> Dict[str, Any]:
        """The next message. ``EOFError`` at the end."""
        assert self._connection is not None
        while b"\n" not in self._rest:
            piece = self._connection.recv(65_536)
            if not piece:
                raise EOFError
            self._rest += piece
        line, self._rest = self._rest.split(b"\n", 1)
        value = json.loads(line)
        assert isinstance(value, dict)
        return value

    def receive_kind(self, kind: str) -> Dict[str, Any]:
        """The next message of a type; others are passed over, but not replies."""
        while True:
            message = self.receive()
            if message["type"] == kind:
                return message
            assert message["type"] in ("health", "progress"), message

    def receive_other(self) -> Dict[str, Any]:
        """The next message that is no health."""
        while True:
            message = self.receive()
            if message["type"] != "health":
                return message

    def reply(self, request: int) -> Dict[str, Any]:
        """The reply to a request."""
        message = self.receive_kind("reply")
        assert message["re"] == request, message
        return message

    def ask(self, kind: str, **fields: Any) -> Dict[str, Any]:
        """A request and its reply."""
        return self.reply(self.request(kind, **fields))

    def load(self, digest: str, path: str = "/good", **fields: Any) -> Dict[str, Any]:
        """Asks for a load; its reply."""
        return self.ask("load", digest=digest, version=digest[0], path=path, **fields)

    def switch(self, digest: str, expecting: Optional[str]) -> Dict[str, Any]:
        """Loads and activates; the reply to the activate."""
        assert self.load(digest)["ok"]
        return self.ask("activate", digest=digest, version=digest[0], expect_active=expecting)

    def switch_to(self, digest: str, path: str, expecting: Optional[str]) -> Dict[str, Any]:
        """Loads, activates and releases the version before; the reply to the activate."""
        loaded = self.load(digest, path)
        assert loaded["ok"], loaded
        request = self.request("activate", digest=digest, version=digest[0], expect_active=expecting)
        answer = self.receive_other()
        assert answer.get("re") == request, answer
        if expecting and expecting != digest:
            assert self.receive_other() == {"type": "drained", "digest": expecting}
            assert self.ask("release", digest=expecting)["ok"]
            assert self.receive_other() == {"type": "released", "digest": expecting}
        return answer

    def hang_up(self) -> None:
        """Ends the connection, not the listener."""
        if self._connection:
            self._connection.close()

    def die(self) -> None:
        """Ends everything."""
        self.hang_up()
        if self._listener:
            self._listener.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def close(self) -> None:
        """Cleans up."""
        self.die()
        self.folder.cleanup()


class FakeModel:
    """What the tests load."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_unloaded = False


def load(request: LoadRequest) -> FakeModel:
    """A loader that goes by the path."""
    if request.path == "/bad":
        raise LoadError("model.onnx: unexpected\nend of file")
    if request.path == "/crash":
        raise RuntimeError("boom")
    if request.path == "/big":
        raise MemoryError
    return FakeModel(request.path)


def unload(model: FakeModel) -> None:
    """Marks a model as gone."""
    model.is_unloaded = True


def digest(letter: str) -> str:
    """A digest of one letter."""
    return letter * 64


def make_client(agent: FakeAgent, loader: Any = load) -> "HandoffClient[FakeModel]":
    """A client that is not started yet."""
    return HandoffClient(agent.path, "acme/words", loader, unload=unload)


def wait_until(condition: Any) -> None:
    """Waits for something that another thread is about to do."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(0.002)


Messages = List[Dict[str, Any]]
