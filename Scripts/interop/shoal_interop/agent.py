"""The agent: listens, dials, admits connections, levels documents. Serving and fetching are in their own files."""

import ipaddress
import secrets
import socket
import threading
import time

from . import wire
from .connection import Connection, Timing
from .elements import Refused
from .envelope import DENY, HEAD, ROOT, Envelope
from .events import Events
from .fetching import Fetching
from .finding import Finding
from .maker import Identity
from .misbehaviour import Misbehaviour
from .serving import Serving
from .trust import BLAMELESS, Records
from .documents import Root
from .wire import Code, Violation

# Codes for which a neighbour is not spoken to for a while.
SET_ASIDE = {
    Code.UNSUPPORTED, Code.MALFORMED, Code.TOO_LARGE, Code.OUT_OF_ORDER, Code.UNSOLICITED, Code.UNKNOWN_VERSION,
    Code.BAD_CHUNK, Code.BAD_DOCUMENT, Code.TOO_MANY_ADDRESSES, Code.SLOW, Code.STALLED, Code.OTHER_CLUSTER,
}
SET_ASIDE_SECONDS, SET_ASIDE_SECONDS_MAX = 30, 3_600
PEERS_PER_MINUTE = 16
DOCUMENTS_AT_ONCE, DOCUMENTS_PER_SECOND = 8_192, 64


class Agent(Serving, Fetching, Finding):
    """One agent. A context manager: leaving the block closes everything. All state is guarded by `lock`.

    Events: connected, goodbye-received, goodbye-sent, closed, handshake-failed, set-aside, document, bad-received,
    request-received, cancel-received, refuse-received, withdraw-received, chunk, peers, levelled.
    """

    def __init__(self, identity: Identity, listen: tuple | None = None, *, documents: tuple = (),
                 misbehaviour: Misbehaviour = Misbehaviour.NONE, timing: Timing = Timing(), issuer=None,
                 labels: tuple = (), listener=None):
        """`documents`: envelopes of newer roots, heads and deny records to begin with, in that order.
        `issuer`: a Cluster with whose CA key certificates are renewed. `listener`: called with each event."""
        self.identity, self.misbehaviour, self.timing, self.issuer = identity, misbehaviour, timing, issuer
        self.labels = labels
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.events = Events(listener)
        first = Envelope.decode(identity.root_envelope)
        self.records = Records([(first, Root.decode(first.body))])
        for envelope in documents:
            self.records.accept(envelope.kind, envelope.encode())
        self.held: dict = {}
        self.extra_manifests: dict = {}
        self.neighbours: dict = {}
        self.connections: list = []
        self.set_aside: dict = {}
        self.instance = secrets.randbits(64)
        self.closing = False
        self.server = None
        self.finding_state()
        if listen:
            self._listen(listen)

    # Life.

    def _listen(self, address: tuple) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.server = socket.create_server(address, family=family, backlog=64)
        threading.Thread(target=self._accept, daemon=True, name="accept").start()

    @property
    def address(self) -> tuple:
        return self.server.getsockname()[:2]

    @property
    def node_id(self) -> bytes:
        return self.identity.node_id

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self, deadline: float = 5) -> None:
        """GOODBYE to all, then waits for the connections to end."""
        self.closing = True
        if self.server:
            self.server.close()
        with self.lock:
            ending = list(self.connections)
        for connection in ending:
            connection.close(Code.LEAVING, "the agent ends")
        end = time.monotonic() + deadline
        for connection in ending:
            connection.join(max(0, end - time.monotonic()))

    def _accept(self) -> None:
        while not self.closing:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            self._start(sock, dialled=False)

    def _start(self, sock: socket.socket, dialled: bool) -> Connection | None:
        try:
            connection = Connection(self, sock, dialled)
        except OSError:
            sock.close()
            return None
        with self.lock:
            self.connections.append(connection)
        connection.start()
        return connection

    def dial(self, address: tuple, deadline: float = 10) -> Connection:
        """Connects and waits for the other side's HELLO. Raises ConnectionError (with the reason) or TimeoutError."""
        end = time.monotonic() + deadline
        connection = self._start(socket.create_connection(address[:2], timeout=deadline), dialled=True)
        with self.changed:
            while not (connection.hello and connection.admitted):
                if connection.ended.is_set():
                    raise ConnectionError(f"{address[0]}:{address[1]}: {getattr(connection, 'why', 'ended')}")
                if time.monotonic() > end:
                    raise TimeoutError(f"{address[0]}:{address[1]}: no HELLO within {deadline} s")
                self.changed.wait(0.05)
        return connection

    # Called by connections, on their threads.

    def accepted_certificate(self, connection: Connection) -> None:
        """TLS has checked chain and dates; the rest is checked here. Raises Violation."""
        peer = connection.peer
        if peer.cluster_id != self.identity.root.cluster_id:
            raise Violation(Code.OTHER_CLUSTER, "the certificate names another cluster")
        if peer.node_id == self.node_id:
            raise Violation(Code.SELF, "this is me")
        with self.lock:
            if self.records.denies_node(peer.node_id):
                raise Violation(Code.DENIED, "this node is denied")
            code, until, _ = self.set_aside.get(peer.node_id, (None, 0, 0))
        if time.monotonic() < until:
            raise Violation(code, f"set aside for {until - time.monotonic():.0f} s more")

    def greet(self, connection: Connection) -> None:
        if self.misbehaviour is Misbehaviour.NO_HELLO:
            connection.muted = True
            return
        flags = self.issuer is not None
        lane = 1 if self.misbehaviour is Misbehaviour.OTHER_LANE else 0
        with self.lock:
            root = self.records.root.version
        hello = wire.Hello(
            root, self.instance, listening_port=self.address[1] if self.server else 0, issues=flags,
            labels=self.labels, lane=lane,
        )
        connection.send(hello)
        if self.misbehaviour is Misbehaviour.HELLO_TWICE:
            connection.send(hello)

    def received(self, connection: Connection, message) -> None:
        """Any message but HELLO's absence, PING, PONG and GOODBYE."""
        handler = self.HANDLERS.get(type(message))
        with self.lock:
            getattr(self, handler)(connection, message)
            self.changed.notify_all()

    def gone(self, connection: Connection, why: str) -> None:
        with self.lock:
            connection.why = why
            if connection in self.connections:
                self.connections.remove(connection)
            if connection.peer and self.neighbours.get(connection.peer.node_id) is connection:
                del self.neighbours[connection.peer.node_id]
            for waiting in list(connection.pending.values()):
                waiting.lost(connection)
            connection.pending.clear()
            self.changed.notify_all()
        node = connection.peer.node_id if connection.peer else None
        self.events.add("closed", node=node, reason=why)

    def blame(self, connection: Connection, violation: Violation) -> None:
        if violation.code not in SET_ASIDE or self.misbehaviour is not Misbehaviour.NONE:
            return
        node = connection.peer.node_id
        with self.lock:
            code, until, seconds = self.set_aside.get(node, (None, 0, 0))
            if time.monotonic() < until:
                return  # it only came back too early
            seconds = min(seconds * 2, SET_ASIDE_SECONDS_MAX) if seconds else SET_ASIDE_SECONDS
            self.set_aside[node] = (violation.code, time.monotonic() + seconds, seconds)
        self.events.add("set-aside", node=node, code=violation.code, seconds=seconds)

    def goodbye_received(self, connection: Connection, message: wire.Goodbye) -> None:
        pass

    # HELLO, levelling and documents.

    def take_hello(self, connection: Connection, message: wire.Hello) -> None:
        if connection.hello:
            raise Violation(Code.OUT_OF_ORDER, "HELLO twice")
        if message.lane != 0:
            raise Violation(Code.UNSUPPORTED, f"lane {message.lane}")
        if self.records.denies_node(connection.peer.node_id):
            raise Violation(Code.DENIED, "this node is denied")  # since the handshake
        connection.hello = message
        connection.documents_budget, connection.documents_at = DOCUMENTS_AT_ONCE, time.monotonic()
        connection.peers_times = []
        self._settle_duplicates(connection)
        connection.admitted = True
        self.neighbours[connection.peer.node_id] = connection
        self.events.add("connected", node=connection.peer.node_id, name=connection.peer.name,
                        dialled=connection.dialled, software=message.software)
        if self.misbehaviour is Misbehaviour.SILENCE:
            connection.muted = True
        self._level(connection, message.root_version)
        self.misbehave_at_start(connection)

    def _settle_duplicates(self, connection: Connection) -> None:
        """Of two connections the one that the lower node id dialled stays; of two by the same side, the newer."""
        node = connection.peer.node_id
        other = self.neighbours.get(node)
        if other is None or other.ended.is_set():
            return
        wanted = self.node_id < node  # the one that we dialled stays
        same = other.hello.instance == connection.hello.instance  # else the older is of an agent that has ended
        if same and other.dialled != connection.dialled and connection.dialled != wanted:
            raise Violation(Code.DUPLICATE, "another connection stays")
        other.close(Code.DUPLICATE, "another connection stays")

    def _level(self, connection: Connection, their_root: int) -> None:
        for envelope, root in self.records.roots:
            if root.version > their_root:
                connection.send(wire.Document(ROOT, envelope.encode()))
        for envelope, _ in self.records.denials.values():
            connection.send(wire.Document(DENY, envelope.encode()))
        for envelope, _ in self.records.heads.values():
            data = envelope.encode()
            if self.misbehaviour is Misbehaviour.CHANGED_HEAD:
                data = data[:40] + bytes([data[40] ^ 1]) + data[41:]
            connection.send(wire.Document(HEAD, data))
        models = {held.manifest.model for held in self.held.values()} | {model for model, _ in self.records.heads}
        connection.send(wire.Models(tuple(sorted(models))))
        entries = [entry for entry in self.peer_entries() if entry.node_id != connection.peer.node_id]
        connection.send(wire.Peers(tuple(entries[:64])), wire.Levelled())
        for held in self.held.values():
            self.announce(connection, held)

    def take_models(self, connection: Connection, message: wire.Models) -> None:
        connection.models = message.names

    def take_levelled(self, connection: Connection, message: wire.Levelled) -> None:
        if connection.levelled:
            raise Violation(Code.OUT_OF_ORDER, "LEVELLED twice")
        connection.levelled = True
        self.events.add("levelled", node=connection.peer.node_id)

    def take_document(self, connection: Connection, message: wire.Document) -> None:
        self._spend_document(connection)
        try:
            envelope = self.records.accept(message.kind, message.envelope)
        except Refused as refused:
            if refused.reason not in BLAMELESS:
                raise Violation(Code.BAD_DOCUMENT, str(refused)) from None
            self.events.add("document-dropped", node=connection.peer.node_id, reason=refused.reason)
            return
        self.events.add("document", document=message.kind, digest=envelope.digest, node=connection.peer.node_id)
        self.spread(envelope, besides=connection)

    @staticmethod
    def _spend_document(connection: Connection) -> None:
        """Beyond the rate nothing is read: the connection's thread just waits."""
        now = time.monotonic()
        gained = (now - connection.documents_at) * DOCUMENTS_PER_SECOND
        connection.documents_budget = min(DOCUMENTS_AT_ONCE, connection.documents_budget + gained) - 1
        connection.documents_at = now
        if connection.documents_budget < 0:
            time.sleep(1 / DOCUMENTS_PER_SECOND)

    def publish(self, *envelopes: Envelope) -> None:
        """Takes documents of our own up and sends them to all neighbours. Raises Refused."""
        with self.changed:
            for envelope in envelopes:
                self.spread(self.records.accept(envelope.kind, envelope.encode()))
            self.changed.notify_all()

    def spread(self, envelope: Envelope, besides: Connection | None = None) -> None:
        for connection in self.neighbours.values():
            if connection is not besides:
                connection.send(wire.Document(envelope.kind, envelope.encode()))
            if self.records.denies_node(connection.peer.node_id):
                connection.close(Code.DENIED, "this node is denied")

    def wait_for(self, condition, deadline: float = 10, what: str = "condition"):
        """Waits until `condition()` (called with the lock held) is true, and returns its value."""
        end = time.monotonic() + deadline
        with self.changed:
            while not (value := condition()):
                if time.monotonic() > end:
                    raise TimeoutError(f"no {what} within {deadline} s")
                self.changed.wait(0.05)
            return value

    def head_of(self, model: str, channel: str = "stable") -> bytes | None:
        """The version that a channel names here."""
        with self.lock:
            entry = self.records.heads.get((model, channel))
            return entry[1].version if entry else None

    # Addresses.

    def peer_entries(self) -> list:
        """Entries for the neighbours that listen."""
        entries = []
        for node, connection in self.neighbours.items():
            hello = connection.hello
            if not hello or not hello.listening_port:
                continue
            ip = hello.addresses[0] if hello.addresses else ipaddress.ip_address(connection.remote[0]).packed
            models = tuple(getattr(connection, "models", ()))[:16]
            entries.append(wire.PeerEntry(node, hello.issues, ip, hello.listening_port, models))
        return entries

    def take_peers(self, connection: Connection, message: wire.Peers) -> None:
        now = time.monotonic()
        connection.peers_times = [at for at in connection.peers_times if now - at < 60] + [now]
        if len(connection.peers_times) > PEERS_PER_MINUTE:
            raise Violation(Code.TOO_MANY_ADDRESSES, "PEERS too often")
        near = ipaddress.ip_address(connection.remote[0]).is_loopback
        useful = []
        for entry in message.entries:
            ip = ipaddress.ip_address(entry.ip)
            if entry.port and not ip.is_unspecified and not ip.is_multicast and (near or not ip.is_loopback):
                useful.append((str(ip), entry.port, entry.node_id))
        connection.hints = useful[:64]
        self.events.add("peers", node=connection.peer.node_id, count=len(message.entries))

    def take_space(self, connection: Connection, message: wire.Space) -> None:
        self.events.add("space", node=connection.peer.node_id, bytes=message.bytes, shares=message.shares_blocks)

    def take_status(self, connection: Connection, message: wire.Message) -> None:
        """This implementation keeps no status records; the frames are checked as any other."""
        self.events.add("status", node=connection.peer.node_id, frame=type(message).__name__)

    HANDLERS = {
        wire.Hello: "take_hello", wire.Models: "take_models", wire.Levelled: "take_levelled",
        wire.Document: "take_document", wire.Peers: "take_peers", wire.VersionsQuery: "take_versions_query",
        wire.Versions: "take_answer", wire.Fetch: "take_fetch", wire.Part: "take_part", wire.Absent: "take_answer",
        wire.Find: "take_find", wire.Found: "take_found", wire.Holdings: "take_holdings", wire.Have: "take_have",
        wire.Withdraw: "take_withdraw", wire.Leave: "take_leave", wire.Offer: "take_offer", wire.Claim: "take_claim",
        wire.Request: "take_request", wire.Cancel: "take_cancel", wire.Data: "take_data", wire.Refuse: "take_refuse",
        wire.Bad: "take_bad", wire.Renew: "take_renew", wire.Certificate: "take_answer",
        wire.Space: "take_space", wire.StatusNews: "take_status", wire.StatusQuery: "take_status",
        wire.Status: "take_status",
    }
