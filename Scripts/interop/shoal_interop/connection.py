"""One connection: a thread that shakes hands, frames, keeps time, and gives messages to the agent."""

import heapq
import secrets
import select
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass, fields

from . import wire
from .elements import Refused
from .framing import Deframer
from .keys import PeerIdentity, read_node_certificate
from .misbehaviour import Misbehaviour
from .tls import ALPN, Channel, context
from .violations import Code, Violation

CONTROL_BYTES_MAX = 4_194_304


@dataclass(frozen=True)
class Timing:
    """Seconds, as the page has them. `scaled` makes all of them shorter for tests."""

    handshake: float = 5
    hello: float = 5
    frame: float = 10
    ping: float = 5
    silent: float = 15
    part_silence: float = 5
    part_all: float = 60
    gap_low: float = 0.5
    gap_high: float = 1.5
    slow_window: float = 3
    stride: float = 10
    unanswered: float = 30
    directing_patience: float = 1
    linger: float = 1

    def scaled(self, factor: float) -> "Timing":
        return Timing(**{field.name: getattr(self, field.name) * factor for field in fields(self)})


class Closed(Exception):
    """The peer ended the connection, or we did."""


class Connection(threading.Thread):
    """States: shaking hands → waiting for HELLO → open → closed. All but `send` and `close` runs on its own thread."""

    def __init__(self, agent, sock: socket.socket, dialled: bool):
        super().__init__(daemon=True, name="connection")
        self.agent, self.sock, self.dialled = agent, sock, dialled
        self.timing: Timing = agent.timing
        self.remote = sock.getpeername()
        self.peer: PeerIdentity | None = None
        self.hello: wire.Hello | None = None
        self.levelled = False
        self.admitted = False
        self.ended = threading.Event()
        self.deframer = Deframer()
        self.control: deque = deque()
        self.bulk: dict = {}  # request -> iterator over frames
        self.delayed: list = []  # heap of (due, number, what gives the bytes)
        self.delayed_count = 0
        self.pending: dict = {}  # request of ours -> what waits for its answer
        self.forgotten: dict = {}  # request of ours that was given up -> bytes that may still come
        self.last_request = self.last_peer_request = 0
        self.opened: set = set()  # versions that we announced here
        self.left: set = set()  # versions that we announced and left
        self.holdings: dict = {}  # version -> what the peer told of it
        self.pings: set = set()
        self.muted = False  # a misbehaviour: nothing but `delayed` is sent any more
        self.stalls = 0
        self.usual_gap = 0.1  # between two frames while a REQUEST is open
        self.heard = self.probed = 0.0
        self.reason: Code | None = None
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_write.setblocking(False)

    # From any thread.

    def send(self, *messages) -> None:
        """Queues messages (or raw bytes) as control frames."""
        for message in messages:
            self.control.append(message if isinstance(message, bytes) else message.encode())
        self.wake()

    def wake(self) -> None:
        try:
            self._wake_write.send(b"x")
        except OSError:
            pass  # full, so it wakes anyway; or closed

    def close(self, code: Code = Code.LEAVING, text: str = "") -> None:
        """Says GOODBYE and ends the connection soon."""
        if self.reason is None:
            self.reason = code
            self.text = text
            self.wake()

    def ping(self) -> None:
        token = secrets.randbits(64)
        self.pings.add(token)
        self.send(wire.Ping(token))

    def next_request(self, waiting) -> int:
        """The number of a new request; `waiting` gets the answers. The agent's lock is held."""
        self.last_request += 1
        self.pending[self.last_request] = waiting
        return self.last_request

    # On the connection's thread.

    def later(self, delay: float, give) -> None:
        """Sends the bytes that `give()` returns, after `delay` seconds."""
        self.delayed_count += 1
        heapq.heappush(self.delayed, (time.monotonic() + delay, self.delayed_count, give))

    def drip(self, pieces, pause: float) -> None:
        """Sends the first piece now, and each next one `pause` seconds after the one before."""
        def step() -> bytes:
            piece = next(pieces, b"")
            if piece:
                self.later(pause, step)
            return piece
        self.later(0, step)

    def run(self) -> None:
        why = "ended"
        try:
            self._shake_hands()
            self.agent.accepted_certificate(self)
            self.began = self.last_received = self.last_sent = self.frame_began = time.monotonic()
            self.agent.greet(self)
            while True:
                self._turn()
        except Violation as violation:
            why = str(violation)
            self._farewell(violation.code, violation.detail)
            self.agent.blame(self, violation)
        except Closed as closed:
            why = str(closed)
        except (OSError, ssl.SSLError, Refused) as error:
            why = f"{type(error).__name__}: {error}"
            self._flush_best_effort()
            if self.hello is None:
                self.agent.events.add("handshake-failed", reason=why, remote=str(self.remote[0]))
        finally:
            self.ended.set()
            for end in (self.sock, self._wake_read, self._wake_write):
                end.close()
            self.agent.gone(self, why)

    def _shake_hands(self) -> None:
        misbehaviour = self.agent.misbehaviour
        self.channel = Channel(context(self.agent.identity, not self.dialled, misbehaviour), not self.dialled)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        end = time.monotonic() + self.timing.handshake
        self.encrypted = b""
        while not self.channel.handshake():
            self._write_socket()
            if time.monotonic() > end:
                raise OSError("no handshake in time")
            readable, _, _ = select.select([self.sock], [self.sock] if self.encrypted else [], [], 0.05)
            if readable:
                data = self.sock.recv(65_536)
                self.channel.feed(data)
        self._write_socket()
        tls = self.channel.tls
        if tls.version() != "TLSv1.3" and misbehaviour is not Misbehaviour.TLS_1_2:
            raise Refused("badCertificate", f"TLS version {tls.version()}")
        if tls.selected_alpn_protocol() != ALPN:
            raise Refused("badCertificate", f"ALPN {tls.selected_alpn_protocol()}")
        self.peer = read_node_certificate(tls.getpeercert(True))
        self.peer_certificate = tls.getpeercert(True)

    def _turn(self) -> None:
        """One round: send, wait, receive, look at the clock."""
        self._fill()
        self._write_socket()
        if self.reason is not None:
            self._farewell(self.reason, getattr(self, "text", ""))
            raise Closed(f"closed here: {self.reason.name.lower()}")
        timeout = 0.02 if self.delayed or self.pending else 0.05
        writable = [self.sock] if self.encrypted else []
        readable, _, _ = select.select([self.sock, self._wake_read], writable, [], timeout)
        if self._wake_read in readable:
            self._wake_read.recv(4_096)
        if self.sock in readable:
            self._receive()
        self._look_at_clock()

    def _receive(self) -> None:
        data = self.sock.recv(262_144)
        self.channel.feed(data)
        plain, over = self.channel.read()
        if plain:
            now = time.monotonic()
            if not self.deframer.buffer:
                self.frame_began = now
            self.last_received = now
            for message in self.deframer.messages(plain):
                self.frame_began = now
                self.agent.note_heard(self, now)
                if message is not None:
                    self._take(message)
        if over or not data:
            raise Closed("the peer closed")

    def _take(self, message) -> None:
        if isinstance(message, wire.Goodbye):
            code = Code(message.code) if message.code in Code._value2member_map_ else message.code
            self.agent.events.add("goodbye-received", node=self.peer.node_id, code=code, text=message.text)
            self.agent.goodbye_received(self, message)
            raise Closed(f"goodbye {message.code}: {message.text}")
        if self.hello is None and not isinstance(message, wire.Hello):
            raise Violation(Code.OUT_OF_ORDER, f"{type(message).__name__} before HELLO")
        if isinstance(message, wire.Ping) and not isinstance(message, wire.Pong):
            if self.agent.misbehaviour is not Misbehaviour.SILENCE:
                self.send(wire.Pong(message.token))
        elif isinstance(message, wire.Pong):
            if message.token not in self.pings:
                raise Violation(Code.UNSOLICITED, "a PONG that was not asked for")
            self.pings.discard(message.token)
        else:
            self.agent.received(self, message)

    def _fill(self) -> None:
        """Encrypts what may go next: control first, then bulk, one frame of each request in turn."""
        now = time.monotonic()
        while self.delayed and self.delayed[0][0] <= now:
            self._write(heapq.heappop(self.delayed)[2]())
        if self.muted:
            self.control.clear()
            return
        if sum(len(data) for data in self.control) > CONTROL_BYTES_MAX:
            raise Violation(Code.SLOW, "more than 4 MiB of control frames are waiting")
        while self.control and len(self.encrypted) < 262_144:
            self._write(self.control.popleft())
        while self.bulk and not self.control and len(self.encrypted) < 262_144:
            request = next(iter(self.bulk))
            frames = self.bulk.pop(request)
            data = next(frames, None)
            if data is not None:
                self.bulk[request] = frames
                self._write(data)
            if self.muted:
                return

    def _write(self, data: bytes) -> None:
        if not data:
            return
        self.channel.write(data)
        self.encrypted += self.channel.outgoing.read()
        self.last_sent = time.monotonic()

    def _write_socket(self) -> None:
        self.encrypted += self.channel.outgoing.read()
        while self.encrypted:
            try:
                sent = self.sock.send(self.encrypted)
            except BlockingIOError:
                return
            self.encrypted = self.encrypted[sent:]

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        if self.hello is None and now - self.began > self.timing.hello:
            raise Violation(Code.SLOW, "no HELLO in time")
        if self.deframer.buffer and now - self.frame_began > self.timing.frame:
            raise Violation(Code.SLOW, "a frame took too long")
        if now - self.last_received > self.timing.silent:
            raise Violation(Code.SILENT, "nothing was received")
        if now - self.last_sent > self.timing.ping and self.agent.misbehaviour not in (
            Misbehaviour.SILENCE, Misbehaviour.NO_HELLO
        ):
            self.ping()

    def _farewell(self, code: Code, text: str) -> None:
        """GOODBYE as the last frame; then reads on for a moment, so that the peer's bytes do not make a reset of it."""
        self.agent.events.add("goodbye-sent", node=self.peer.node_id, code=code, text=text)
        try:
            if not self.muted:
                while self.control:
                    self._write(self.control.popleft())
                self._write(wire.Goodbye(code, text.encode()[:256].decode("utf-8", "ignore")).encode())
                self.channel.close()
            self._flush_best_effort()
            self.sock.shutdown(socket.SHUT_WR)
            end = time.monotonic() + self.timing.linger
            while time.monotonic() < end:
                if select.select([self.sock], [], [], 0.05)[0] and not self.sock.recv(262_144):
                    return
        except (OSError, ssl.SSLError):
            pass

    def _flush_best_effort(self) -> None:
        end = time.monotonic() + self.timing.linger
        try:
            self._write_socket()
            while self.encrypted and time.monotonic() < end:
                select.select([], [self.sock], [], 0.05)
                self._write_socket()
        except (OSError, ssl.SSLError):
            pass
