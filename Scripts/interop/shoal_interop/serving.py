"""The source's half: announcing, answering, and all that can be done wrong while answering."""

from . import wire
from .elements import Refused
from .envelope import LAYOUT, MANIFEST
from .holdings import Held, PeerHolding
from .keys import sha256
from .layout import Version
from .misbehaviour import Misbehaviour
from .vectors_documents import pattern_bytes
from .wire import COMPLETE, PAYLOAD_BYTES_MAX, WANTS, Code, Violation

OPEN_REQUESTS_MAX = 256
OPEN_FETCHES_MAX = 16
UNKNOWN_VERSIONS_MAX = 512
OFFERS_AT_ONCE = 8


class Serving:
    """Part of Agent. The agent's lock is held in every `take_…`."""

    def serve(self, version: Version, only=None, directing: bool = False) -> Held:
        """Announces a version (or some chunks of it) to all neighbours, now and later."""
        held = Held.of(version, only, directing)
        with self.changed:
            self.held[held.digest] = held
            for connection in self.neighbours.values():
                self.announce(connection, held)
            self.changed.notify_all()
        return held

    def keep_manifest(self, version: Version) -> None:
        """Answers for the manifest only, as of a version that is not held."""
        self.extra_manifests[version.digest] = version.envelope

    def leave(self, digest: bytes) -> None:
        with self.changed:
            self.held.pop(digest, None)
            for connection in self.neighbours.values():
                if digest in connection.opened:
                    connection.opened.discard(digest)
                    connection.left.add(digest)
                    connection.send(wire.Leave(digest))

    def announce(self, connection, held: Held) -> None:
        if self.records.denies_version(held.manifest.model, held.digest):
            return
        connection.opened.add(held.digest)
        connection.left.discard(held.digest)
        connection.send(*held.messages())

    def tell_have(self, held: Held, chunks: list) -> None:
        for connection in self.neighbours.values():
            if held.digest in connection.opened:
                for at in range(0, len(chunks), 1_024):
                    connection.send(wire.Have(held.digest, tuple(sorted(chunks[at : at + 1_024]))))

    # What the peer holds.

    def take_holdings(self, connection, message: wire.Holdings) -> None:
        held = self.held.get(message.version)
        if held and message.chunks != held.count:
            raise Violation(Code.MALFORMED, f"{message.chunks} chunks, the layout has {held.count}")
        known = connection.holdings.get(message.version)
        if known is None and not held and len(connection.holdings) >= UNKNOWN_VERSIONS_MAX:
            return
        if known is None and message.first:
            raise Violation(Code.MALFORMED, "HOLDINGS that does not begin at chunk 0")
        connection.holdings[message.version] = (known or PeerHolding()).absorb(message)
        if held and held.directing and message.flags & WANTS:
            self.offer_more(held)

    def holding_of(self, connection, version: bytes) -> PeerHolding:
        holding = connection.holdings.get(version)
        if holding is None:
            if len(connection.holdings) >= UNKNOWN_VERSIONS_MAX:
                return PeerHolding(count=2**32)
            raise Violation(Code.UNKNOWN_VERSION, "a version that was not opened here")
        return holding

    def take_have(self, connection, message: wire.Have) -> None:
        holding = self.holding_of(connection, message.version)
        holding.require_within(message.chunks)
        holding.chunks.update(message.chunks)
        held = self.held.get(message.version)
        if held and held.directing:
            held.announced.update(message.chunks)
            for chunk in message.chunks:
                held.offered.setdefault(chunk, connection.peer.node_id)
            self.offer_more(held)

    def take_withdraw(self, connection, message: wire.Withdraw) -> None:
        holding = self.holding_of(connection, message.version)
        holding.require_within(message.chunks)
        holding.chunks.difference_update(message.chunks)
        holding.offered.difference_update(message.chunks)
        if holding.flags & COMPLETE:
            holding.flags &= ~COMPLETE
            holding.chunks = set(range(holding.count)) - set(message.chunks)
        self.events.add("withdraw-received", node=connection.peer.node_id, chunks=message.chunks)

    def take_leave(self, connection, message: wire.Leave) -> None:
        self.holding_of(connection, message.version)
        connection.holdings.pop(message.version, None)

    def take_claim(self, connection, message: wire.Claim) -> None:
        self.holding_of(connection, message.version).require_within([message.chunk])

    def offer_more(self, held: Held) -> None:
        """A directing seed: each chunk to one neighbour; when every chunk went out once, it tells all."""
        for connection in self.neighbours.values():
            holding = connection.holdings.get(held.digest)
            if not holding or not holding.flags & WANTS:
                continue
            node = connection.peer.node_id
            waiting = [chunk for chunk, to in held.offered.items() if to == node and chunk not in holding.chunks]
            fresh = [index for index in held.chunks if index not in held.offered]
            for chunk in fresh[: max(0, OFFERS_AT_ONCE - len(waiting))]:
                held.offered[chunk] = node
                connection.send(wire.Offer(held.digest, chunk))
        if len(held.announced) >= len(held.chunks):
            held.directing = False
            for connection in self.neighbours.values():
                self.announce(connection, held)

    # Documents.

    def take_versions_query(self, connection, message: wire.VersionsQuery) -> None:
        self.next_peer_request(connection, message.request)
        envelopes = {digest: held.manifest for digest, held in self.held.items()}
        digests = [digest for digest, manifest in envelopes.items() if manifest.model == message.model]
        connection.send(wire.Versions(message.request, tuple(digests[:512])))

    @staticmethod
    def next_peer_request(connection, request: int) -> None:
        if request != connection.last_peer_request + 1:
            raise Violation(Code.OUT_OF_ORDER, f"request {request} after {connection.last_peer_request}")
        connection.last_peer_request = request

    def take_fetch(self, connection, message: wire.Fetch) -> None:
        self.next_peer_request(connection, message.request)
        held = self.held.get(message.digest)
        data = None
        if message.kind == MANIFEST:
            envelope = held.envelope if held else self.extra_manifests.get(message.digest)
            data = envelope.encode() if envelope else None
        else:
            held = next((one for one in self.held.values() if one.manifest.layout_digest == message.digest), None)
            data = held.layout.encode() if held else None
        self.events.add("fetch-received", node=connection.peer.node_id, document=message.kind, digest=message.digest)
        if data is None:
            connection.send(wire.Absent(message.request, 1))
        elif sum(1 for frames in connection.bulk.values() if frames.is_part) >= OPEN_FETCHES_MAX:
            connection.send(wire.Absent(message.request, 2))
        else:
            frames = self.misbehaving_parts(message.request, message.kind, data)
            connection.bulk[message.request] = Frames(frames, is_part=True)

    def misbehaving_parts(self, request: int, kind: int, data: bytes):
        wrong = self.misbehaviour
        if (wrong, kind) in ((Misbehaviour.CHANGED_MANIFEST, MANIFEST), (Misbehaviour.CHANGED_LAYOUT, LAYOUT)):
            at = min(60, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        if wrong is Misbehaviour.PART_TOTAL:
            return iter([wire.Part(request, 0xFFFFFFFF, 0, data[:PAYLOAD_BYTES_MAX]).encode()])
        if wrong is Misbehaviour.PART_ORDER:
            return iter([wire.Part(request, len(data), len(data) - 1, data[-1:]).encode()])
        return (
            wire.Part(request, len(data), at, data[at : at + PAYLOAD_BYTES_MAX]).encode()
            for at in range(0, len(data), PAYLOAD_BYTES_MAX)
        )

    # Chunks.

    def take_request(self, connection, message: wire.Request) -> None:
        self.next_peer_request(connection, message.request)
        node = connection.peer.node_id
        self.events.add("request-received", node=node, version=message.version, chunk=message.chunk)
        if message.version in connection.left:
            connection.send(wire.Refuse(message.request, wire.REFUSED_LEAVING))
            return
        held = self.held.get(message.version)
        if message.version not in connection.opened or held is None:
            raise Violation(Code.UNKNOWN_VERSION, "a REQUEST for a version that was not opened here")
        if message.chunk >= held.count:
            raise Violation(Code.MALFORMED, f"chunk {message.chunk} of {held.count}")
        if self.records.denies_version(held.manifest.model, held.digest):
            connection.send(wire.Refuse(message.request, wire.REFUSED_DENIED))
        elif message.chunk not in held.chunks:
            connection.send(wire.Refuse(message.request, wire.REFUSED_NOT_HELD))
        elif len(connection.bulk) >= OPEN_REQUESTS_MAX:
            connection.send(wire.Refuse(message.request, wire.REFUSED_BUSY, 250))
        else:
            frames = self.misbehaving_data(connection, message.request, held, message.chunk)
            connection.bulk[message.request] = Frames(frames)

    def misbehaving_data(self, connection, request: int, held: Held, index: int):
        """The DATA frames of a chunk, or what the misbehaviour makes of them."""
        wrong, data = self.misbehaviour, held.chunks[index]
        if wrong is Misbehaviour.FLIPPED_CHUNK:
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]
        elif wrong is Misbehaviour.WRONG_INDEX:
            data = held.chunks[(index + 1) % held.count]
        elif wrong is Misbehaviour.DATA_WRONG_OFFSET:
            return iter([wire.Data(request, 1, data[1:2] or b"x").encode()])
        elif wrong is Misbehaviour.UNSOLICITED_DATA:
            return iter([wire.Data(request + 1_000, 0, b"unsolicited").encode()])
        elif wrong is Misbehaviour.FRAME_LENGTH:
            return iter([b"\xff\xff\xff\xff\x28"])
        elif wrong is Misbehaviour.SILENCE_IN_CHUNK:
            return data_frames(request, data[: len(data) // 2])
        elif wrong is Misbehaviour.DATA_BEYOND_CHUNK:
            return iter([*data_frames(request, data), wire.Data(request, len(data), b"beyond").encode()])
        elif wrong is Misbehaviour.DRIP_BYTES:
            return self._drip(connection, next(data_frames(request, data)))
        elif wrong is Misbehaviour.DRIP_DATA:
            connection.drip((wire.Data(request, at, data[at : at + 1]).encode() for at in range(len(data))), 1)
            return iter(())
        return data_frames(request, data)

    @staticmethod
    def _drip(connection, frame: bytes):
        if not connection.muted:  # else one frame is on its way already
            connection.muted = True
            connection.drip((frame[at : at + 1] for at in range(len(frame))), 1)
        return iter(())

    def take_cancel(self, connection, message: wire.Cancel) -> None:
        self.events.add("cancel-received", node=connection.peer.node_id, request=message.request)
        connection.bulk.pop(message.request, None)

    def take_bad(self, connection, message: wire.Bad) -> None:
        self.events.add("bad-received", node=connection.peer.node_id, version=message.version, chunk=message.chunk)
        held = self.held.get(message.version)
        if not held or message.chunk not in held.chunks:
            return
        if sha256(held.chunks[message.chunk]) != held.layout.chunks[message.chunk].sha256:
            del held.chunks[message.chunk]
            for other in self.neighbours.values():
                if held.digest in other.opened:
                    other.send(wire.Withdraw(held.digest, (message.chunk,)))

    def take_renew(self, connection, message: wire.Renew) -> None:
        self.next_peer_request(connection, message.request)
        if self.issuer is None:
            connection.send(wire.Absent(message.request, 2))
            return
        try:
            certificate = self.issuer.renew(connection.peer)
            connection.send(wire.Certificate(message.request, certificate))
        except Refused:
            connection.send(wire.Absent(message.request, 3))

    def misbehave_at_start(self, connection) -> None:
        """What is wrong without being asked: sent after our own first frames."""
        wrong = self.misbehaviour
        nowhere = pattern_bytes("no such version", 32)
        held = next(iter(self.held.values()), None)
        if wrong is Misbehaviour.MANY_ADDRESSES:
            for number in range(0, 10_000, 64):
                connection.send(wire.Peers(tuple(
                    wire.PeerEntry(pattern_bytes(f"{number} {at}", 16), False,
                                   bytes([127, at, number >> 8, number & 255]), 7_447)  # all of them loopback
                    for at in range(64)
                )))
        elif wrong is Misbehaviour.UNSOLICITED_PONG:
            connection.send(wire.Pong(1))
        elif wrong is Misbehaviour.UNKNOWN_VERSION:
            connection.send(wire.Have(nowhere, (0,)))
        elif wrong is Misbehaviour.REQUEST_UNKNOWN_VERSION:
            connection.send(wire.Request(1, nowhere, 0))
        elif wrong is Misbehaviour.HAVE_BEYOND_LAYOUT and held:
            connection.send(wire.Have(held.digest, (held.count,)))
        elif wrong is Misbehaviour.LEVELLED_TWICE:
            connection.send(wire.Levelled())
        elif wrong is Misbehaviour.UNKNOWN_FRAME:
            connection.send(b"\0\0\0\1\x7e")
        elif wrong is Misbehaviour.IGNORED_FRAME:
            connection.send(b"\0\0\0\4\xeeabc")


class Frames:
    """An iterator over the frames of one answer."""

    def __init__(self, frames, is_part: bool = False):
        self.frames, self.is_part = iter(frames), is_part

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        return next(self.frames)


def data_frames(request: int, data: bytes):
    for at in range(0, len(data), PAYLOAD_BYTES_MAX):
        yield wire.Data(request, at, data[at : at + PAYLOAD_BYTES_MAX]).encode()
