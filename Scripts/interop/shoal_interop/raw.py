"""A peer that sends what it is told, byte for byte, and says what came back: for talk that no agent would have."""

import select
import socket
import time

from . import wire
from .framing import Deframer
from .keys import read_node_certificate
from .maker import Identity
from .misbehaviour import Misbehaviour
from .tls import Channel, context


class RawPeer:
    """Dials (or, given a socket, answers) and shakes hands. Blocking, with a deadline on everything."""

    def __init__(self, identity: Identity, address: tuple | None = None, sock: socket.socket | None = None,
                 misbehaviour: Misbehaviour = Misbehaviour.NONE, deadline: float = 10):
        self.sock = sock or socket.create_connection(address[:2], timeout=deadline)
        try:
            self._shake_hands(identity, sock is not None, misbehaviour, deadline)
        except BaseException:
            self.sock.close()
            raise

    def _shake_hands(self, identity: Identity, server: bool, misbehaviour: Misbehaviour, deadline: float) -> None:
        self.sock.settimeout(deadline)
        self.channel = Channel(context(identity, server, misbehaviour), server)
        self.deframer, self.received, self.over = Deframer(), [], False
        end = time.monotonic() + deadline
        while not self.channel.handshake():
            self._flush()
            if time.monotonic() > end:
                raise TimeoutError("no handshake")
            self.channel.feed(self.sock.recv(65_536))
        self._flush()
        self.peer = read_node_certificate(self.channel.tls.getpeercert(True))

    def __enter__(self) -> "RawPeer":
        return self

    def __exit__(self, *_) -> None:
        self.sock.close()

    def _flush(self) -> None:
        self.sock.sendall(self.channel.outgoing.read())

    def send(self, *items) -> None:
        """Messages, or raw bytes."""
        for item in items:
            self.channel.write(item if isinstance(item, bytes) else item.encode())
        self._flush()

    def receive(self, deadline: float = 10):
        """The next message that is not skipped; None when the peer has ended. Raises TimeoutError, ssl.SSLError."""
        end = time.monotonic() + deadline
        while not self.received:
            if self.over:
                return None
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError(f"nothing within {deadline} s")
            try:
                data = self.sock.recv(65_536)
            except ConnectionResetError:
                data = b""
            self.channel.feed(data)
            plain, over = self.channel.read()
            self.over = over or not data
            self.received += [message for message in self.deframer.feed(plain) if message is not None]
        return self.received.pop(0)

    def until(self, kind, deadline: float = 10):
        """The next message of a class, others being dropped; None when the peer has ended."""
        end = time.monotonic() + deadline
        while (message := self.receive(max(0, end - time.monotonic()))) is not None:
            if type(message) is kind:
                return message
        return None

    def goodbye(self, deadline: float = 10) -> int | None:
        """The code of the GOODBYE with which the peer ends; None if it ends without."""
        message = self.until(wire.Goodbye, deadline)
        return None if message is None else message.code
