"""The asker's half: documents by PARTs, chunks by DATA, with the duties of wire.md, section 4."""

import pathlib
import statistics
import time
from dataclasses import dataclass, field

from . import wire
from .documents import Manifest
from .elements import Refused
from .envelope import ENVELOPE_BYTES_MAX, LAYOUT, MANIFEST, Envelope, digest_of
from .holdings import Held
from .identity_folder import write_durably
from .keys import sha256
from .layout import DOMAIN as LAYOUT_DOMAIN
from .layout import Layout, Version
from .trust import BLAMELESS, open_document
from .wire import Code, Violation

WINDOW = 8
STALLS_MAX = 3
RESTING_SECONDS = 5
STRIDE_BYTES = 65_536


class FetchFailed(Exception):
    """A version could not be fetched; the text says why."""


@dataclass
class Waiting:
    """A request of ours. `answer` is set once; `failed` if the connection ended or the peer said ABSENT or REFUSE."""

    began: float = field(default_factory=time.monotonic)
    answer: object = None
    failed: str | None = None

    def __post_init__(self):
        self.last = self.began

    def lost(self, connection) -> None:
        if self.answer is None:
            self.failed = getattr(connection, "why", "the connection ended")

    @property
    def over(self) -> bool:
        return self.answer is not None or self.failed is not None


@dataclass
class WaitingDocument(Waiting):
    kind: int = MANIFEST
    digest: bytes = b""
    exact: int | None = None
    got: bytearray = field(default_factory=bytearray)
    total: int | None = None

    def take(self, message: wire.Part) -> bool:
        """Whether the document is complete now. Raises Violation."""
        bound = self.exact if self.exact is not None else ENVELOPE_BYTES_MAX[MANIFEST]
        if message.total > bound:
            raise Violation(Code.TOO_LARGE, f"a total of {message.total} bytes, {bound} at most")
        if self.total is None:
            self.total = message.total
        if message.total != self.total or message.offset != len(self.got):
            raise Violation(Code.OUT_OF_ORDER, f"a PART at {message.offset}, {len(self.got)} bytes are here")
        self.got += message.bytes
        self.last = time.monotonic()
        return len(self.got) == self.total


@dataclass
class WaitingChunk(Waiting):
    job: object = None
    index: int = 0
    length: int = 0
    got: bytearray = field(default_factory=bytearray)
    stride_began: float | None = None  # when its first byte, or the last 64 KiB, had come
    stride_bytes: int = 0

    def note(self, data: bytes, now: float) -> None:
        self.got += data
        self.stride_bytes += len(data)
        if self.stride_began is None or self.stride_bytes >= STRIDE_BYTES:
            self.stride_began, self.stride_bytes = now, 0

    def lost(self, connection) -> None:
        super().lost(connection)
        self.job.asked.pop(self.index, None)


@dataclass
class Job:
    """A version that is being fetched. `asked` maps a chunk to (connection, request)."""

    held: Held
    asked: dict = field(default_factory=dict)
    wanted_since: float = field(default_factory=time.monotonic)
    unannounced: list = field(default_factory=list)
    resting: dict = field(default_factory=dict)  # connection -> until when it is not asked

    @property
    def missing(self) -> list:
        return [index for index in range(self.held.count) if index not in self.held.chunks]


class Fetching:
    """Part of Agent. The agent's lock is held in every `take_…`."""

    # What a caller uses.

    def fetch(self, model: str, tag: str | None = None, *, digest: bytes | None = None, channel: str | None = None,
              into=None, deadline: float = 60) -> Version:
        """Fetches a version completely from the neighbours, by tag, digest or channel, checks it, and writes it below
        `into`/variant/path. Raises FetchFailed or TimeoutError. Afterwards the version is served."""
        end = time.monotonic() + deadline
        if channel is not None:
            digest = self.wait_for(lambda: self.head_of(model, channel), deadline, f"head of {model} {channel}")
        envelope, manifest = self._manifest(model, tag, digest, end)
        if self.records.denies_version(manifest.model, envelope.digest):
            raise FetchFailed("the version is denied")
        layout = self._layout(manifest, end)
        held = Held(manifest, envelope, layout)
        with self.changed:
            held = self.held.setdefault(held.digest, held)
            for connection in self.neighbours.values():
                self.announce(connection, held)
        self._run(Job(held), end)
        version = held.version()
        check_files(version)
        if into is not None:
            write_version(version, into)
        return version

    def versions_of(self, model: str, deadline: float = 10) -> dict:
        """What each neighbour says it has: {node id: digests}."""
        answers = {}
        for connection in self._all():
            waiting = Waiting()
            with self.lock:
                connection.send(wire.VersionsQuery(connection.next_request(waiting), model))
            self._await(waiting, deadline)
            if waiting.answer:
                answers[connection.peer.node_id] = waiting.answer.digests
        return answers

    def renew(self, deadline: float = 10) -> bytes | None:
        """A new certificate from a neighbour that issues; None if it said no."""
        for connection in [one for one in self._all() if one.hello.issues]:
            waiting = Waiting()
            with self.lock:
                connection.send(wire.Renew(connection.next_request(waiting)))
            self._await(waiting, deadline)
            if isinstance(waiting.answer, wire.Certificate):
                return waiting.answer.certificate
        return None

    # Documents.

    def _all(self) -> list:
        with self.lock:
            return list(self.neighbours.values())

    def _await(self, waiting: Waiting, deadline: float) -> None:
        end = time.monotonic() + deadline
        with self.changed:
            while not waiting.over and time.monotonic() < end:
                now = time.monotonic()
                late = isinstance(waiting, WaitingDocument) and (
                    now - waiting.last > self.timing.part_silence or now - waiting.began > self.timing.part_all
                )
                if late:
                    waiting.failed = "the neighbour fell silent"
                    return
                self.changed.wait(0.05)
            if not waiting.over:
                waiting.failed = "no answer in time"

    def _document(self, kind: int, digest: bytes, exact: int | None, end: float):
        """Asks one neighbour after the other. Raises FetchFailed."""
        reasons = []
        for connection in self._all():
            waiting = WaitingDocument(kind=kind, digest=digest, exact=exact)
            with self.lock:
                connection.send(wire.Fetch(connection.next_request(waiting), kind, digest))
            self._await(waiting, max(0, end - time.monotonic()))
            if waiting.answer is not None and not isinstance(waiting.answer, wire.Absent):
                return waiting.answer
            said = "does not hold it" if waiting.answer else waiting.failed
            reasons.append(f"{connection.peer.name}: {said}")
        what = "layout" if kind == LAYOUT else "manifest"
        raise FetchFailed(f"no {what} {digest.hex()[:16]}: {'; '.join(reasons) or 'no neighbour'}")

    def _manifest(self, model: str, tag: str | None, digest: bytes | None, end: float) -> tuple:
        if digest is not None:
            return self._document(MANIFEST, digest, None, end)
        tried = set()
        while time.monotonic() < end:
            for digests in self.versions_of(model, max(0.1, end - time.monotonic())).values():
                for candidate in digests:
                    if candidate in tried:
                        continue
                    tried.add(candidate)
                    envelope, manifest = self._document(MANIFEST, candidate, None, end)
                    if manifest.model == model and manifest.tag == tag:
                        return envelope, manifest
            if not self._all():
                raise FetchFailed("no neighbour")
            time.sleep(0.1)
        raise FetchFailed(f"nobody has {model}@{tag}")

    def _layout(self, manifest: Manifest, end: float) -> Layout:
        layout = self._document(LAYOUT, manifest.layout_digest, manifest.layout_bytes, end)
        layout.check(manifest)
        return layout

    def take_part(self, connection, message: wire.Part) -> None:
        if self._forgotten(connection, message.request, len(message.bytes)):
            return
        waiting = connection.pending.get(message.request)
        if not isinstance(waiting, WaitingDocument):
            raise Violation(Code.UNSOLICITED, f"a PART for request {message.request}")
        if waiting.take(message):
            del connection.pending[message.request]
            waiting.answer = self._opened(waiting)

    def _opened(self, waiting: WaitingDocument):
        """The digest first, then the signatures, then the content."""
        data = bytes(waiting.got)
        try:
            if waiting.kind == LAYOUT:
                if digest_of(LAYOUT_DOMAIN, data) != waiting.digest:
                    raise Refused("digestMismatch", "another layout than was asked for")
                return Layout.decode(data)
            if Envelope.decode(data, MANIFEST).digest != waiting.digest:
                raise Refused("digestMismatch", "another manifest than was asked for")
            return open_document(data, self.records.root, MANIFEST)
        except Refused as refused:
            if refused.reason in BLAMELESS:
                waiting.failed = str(refused)
                return None
            raise Violation(Code.BAD_DOCUMENT, str(refused)) from None

    def take_answer(self, connection, message) -> None:
        """VERSIONS, ABSENT, CERTIFICATE."""
        if self._forgotten(connection, message.request, 0):
            return
        waiting = connection.pending.get(message.request)
        if waiting is None or isinstance(waiting, WaitingChunk):
            raise Violation(Code.UNSOLICITED, f"{type(message).__name__} for request {message.request}")
        del connection.pending[message.request]
        waiting.answer = message

    @staticmethod
    def _forgotten(connection, request: int, count: int) -> bool:
        """Whether this belongs to a request that was given up; at most the rest of its bytes may still come."""
        if request not in connection.forgotten:
            return False
        connection.forgotten[request] -= count
        if connection.forgotten[request] < 0:
            raise Violation(Code.UNSOLICITED, f"more than the rest of request {request}")
        return True

    # Chunks.

    def _run(self, job: Job, end: float) -> None:
        with self.changed:
            while job.missing:
                if time.monotonic() > end:
                    held = job.held
                    raise TimeoutError(f"{len(job.missing)} of {held.count} chunks are missing")
                if not self.neighbours:
                    raise FetchFailed(f"no neighbour left, {len(job.missing)} chunks are missing")
                self._give_up_slow(job)
                self._ask(job)
                self._tell(job)
                self.changed.wait(0.02)
            self._tell(job)
            for connection in self.neighbours.values():
                self.announce(connection, job.held)

    def _tell(self, job: Job) -> None:
        if job.unannounced:
            self.tell_have(job.held, job.unannounced)
            job.unannounced = []

    def _ask(self, job: Job) -> None:
        now = time.monotonic()
        patience_over = now - job.wanted_since > self.timing.directing_patience
        for index in job.missing:
            if index in job.asked:
                continue
            plain, offering, directing = [], [], []
            for connection in self.neighbours.values():
                holding = connection.holdings.get(job.held.digest)
                if holding is None or now < job.resting.get(connection, 0):
                    continue
                if index in holding.offered:
                    offering.append(connection)
                elif holding.directing:
                    directing.append(connection)
                elif holding.holds(index):
                    plain.append(connection)
            sources = offering + plain or (directing if patience_over else [])
            free = [one for one in sources if one in offering or self._open(one) < WINDOW]
            if free:
                self._request(job, min(free, key=self._open), index)

    @staticmethod
    def _open(connection) -> int:
        return sum(1 for waiting in connection.pending.values() if isinstance(waiting, WaitingChunk))

    def _request(self, job: Job, connection, index: int) -> None:
        waiting = WaitingChunk(job=job, index=index, length=job.held.layout.chunks[index].length)
        if not self._open(connection):
            connection.data_last = connection.rate_began = connection.waiting_since = time.monotonic()
            connection.rate_bytes = 0
        request = connection.next_request(waiting)
        job.asked[index] = (connection, request)
        connection.send(wire.Request(request, job.held.digest, index))

    def take_offer(self, connection, message: wire.Offer) -> None:
        holding = self.holding_of(connection, message.version)
        holding.require_within([message.chunk])
        holding.offered.add(message.chunk)

    def take_data(self, connection, message: wire.Data) -> None:
        if self._forgotten(connection, message.request, len(message.bytes)):
            return
        waiting = connection.pending.get(message.request)
        if not isinstance(waiting, WaitingChunk):
            raise Violation(Code.UNSOLICITED, f"DATA for request {message.request}")
        if message.offset != len(waiting.got) or message.offset + len(message.bytes) > waiting.length:
            raise Violation(Code.UNSOLICITED, f"DATA at {message.offset}, {len(waiting.got)} of {waiting.length} here")
        now = connection.data_last = time.monotonic()
        connection.rate_bytes += len(message.bytes)
        waiting.note(message.bytes, now)
        if len(waiting.got) == waiting.length:
            self._finish(connection, message.request, waiting)

    def _finish(self, connection, request: int, waiting: WaitingChunk) -> None:
        del connection.pending[request]
        waiting.answer = True
        connection.stalls = 0
        job, index = waiting.job, waiting.index
        job.asked.pop(index, None)
        data = bytes(waiting.got)
        if sha256(data) != job.held.layout.chunks[index].sha256:
            connection.send(wire.Bad(job.held.digest, index))
            raise Violation(Code.BAD_CHUNK, f"the hash of chunk {index} is wrong")
        if index not in job.held.chunks:
            job.held.chunks[index] = data
            job.unannounced.append(index)
        job.wanted_since = time.monotonic()
        self.events.add("chunk", node=connection.peer.node_id, chunk=index)

    def take_refuse(self, connection, message: wire.Refuse) -> None:
        self.events.add("refuse-received", node=connection.peer.node_id, reason=message.reason)
        if message.request in connection.forgotten:
            del connection.forgotten[message.request]
            return
        waiting = connection.pending.get(message.request)
        if not isinstance(waiting, WaitingChunk):
            raise Violation(Code.UNSOLICITED, f"REFUSE for request {message.request}")
        del connection.pending[message.request]
        waiting.failed = "refused"
        waiting.job.asked.pop(waiting.index, None)
        rest = max(message.retry_milliseconds / 1_000, 0.2)
        waiting.job.resting[connection] = time.monotonic() + rest

    def _give_up_slow(self, job: Job) -> None:
        """Silence for three usual gaps, or a twentieth of the median source's rate: CANCEL, ask another."""
        now = time.monotonic()
        busy = [one for one in self.neighbours.values() if self._open(one)]
        rates = {
            one: one.rate_bytes / (now - one.rate_began) for one in busy
            if now - one.rate_began > self.timing.slow_window
        }
        median = statistics.median(rates.values()) if len(rates) > 1 else 0
        for connection in busy:
            silent = self._is_silent(connection, now)
            slow = connection in rates and rates[connection] < median / 20
            drips = any(
                isinstance(one, WaitingChunk) and one.stride_began and now - one.stride_began >= self.timing.stride
                for one in connection.pending.values()
            )
            if silent or slow or drips:
                self._give_up(job, connection, silent or drips)

    def note_heard(self, connection, now: float) -> None:
        """A frame came: the gap before it counts if a chunk was waited for."""
        with self.lock:
            if self._open(connection):
                gap = now - max(connection.heard, connection.waiting_since)
                connection.usual_gap = 0.875 * connection.usual_gap + 0.125 * gap
            connection.heard = now

    def _is_silent(self, connection, now: float) -> bool:
        """Nothing came for three usual gaps (a PING goes out after half of that); or a chunk has begun and stopped; or
        one did not begin for long."""
        limit = min(max(3 * connection.usual_gap, self.timing.gap_low), self.timing.gap_high)
        last = max(connection.heard, connection.waiting_since)
        if now - last > limit / 2 and connection.probed < last:
            connection.probed = now
            connection.ping()
        open_chunks = [one for one in connection.pending.values() if isinstance(one, WaitingChunk)]
        has_stopped = any(one.got for one in open_chunks) and now - connection.data_last > limit
        is_old = any(not one.got and now - one.began > self.timing.unanswered for one in open_chunks)
        return now - last > limit or has_stopped or is_old

    def _give_up(self, job: Job, connection, silent: bool) -> None:
        for request, waiting in list(connection.pending.items()):
            if isinstance(waiting, WaitingChunk):
                del connection.pending[request]
                connection.forgotten[request] = waiting.length - len(waiting.got)
                waiting.failed = "given up"
                waiting.job.asked.pop(waiting.index, None)
                connection.send(wire.Cancel(request))
        job.resting[connection] = time.monotonic() + (0.1 if silent else RESTING_SECONDS)
        self.events.add("given-up", node=connection.peer.node_id, silent=silent)
        if silent:
            connection.stalls += 1
            if connection.stalls >= STALLS_MAX:
                violation = Violation(Code.STALLED, "requests were lost to silence three times in a row")
                connection.close(violation.code, violation.detail)
                self.blame(connection, violation)


def check_files(version: Version) -> None:
    """Each file's hash, beside those of its chunks. Raises FetchFailed."""
    for position, file in enumerate(version.manifest.files):
        if sha256(version.file_bytes(position)) != file.sha256:
            raise FetchFailed(f"{file.path}: the chunks are right, but the file's hash is not that of the manifest")


def write_version(version: Version, folder) -> None:
    """Writes each file durably to folder/variant/path."""
    position = 0
    for variant in version.manifest.variants:
        for file in variant.files:
            path = pathlib.Path(folder) / variant.name / file.path
            write_durably(path, version.file_bytes(position))
            position += 1
