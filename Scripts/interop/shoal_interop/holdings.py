"""Who holds what: versions that are here, and what a neighbour told of its own (wire.md, "Who holds what")."""

from dataclasses import dataclass, field

from . import wire
from .documents import Manifest
from .envelope import Envelope
from .layout import Layout, Version
from .wire import BITMAP_BYTES_MAX, COMPLETE, DIRECTING, WANTS, Code, Violation


@dataclass
class Held:
    """A version that this agent holds or fetches. `chunks` maps an index to verified bytes."""

    manifest: Manifest
    envelope: Envelope
    layout: Layout
    chunks: dict = field(default_factory=dict)
    directing: bool = False
    offered: dict = field(default_factory=dict)  # chunk -> node id it was offered to (directing only)
    announced: set = field(default_factory=set)  # chunks told to all (directing only)

    @staticmethod
    def of(version: Version, only=None, directing: bool = False) -> "Held":
        """`only`: the indices to hold; None: all."""
        kept = range(len(version.chunks)) if only is None else only
        chunks = {index: version.chunks[index] for index in kept}
        return Held(version.manifest, version.envelope, version.layout, chunks, directing)

    @property
    def digest(self) -> bytes:
        return self.envelope.digest

    @property
    def count(self) -> int:
        return len(self.layout.chunks)

    @property
    def complete(self) -> bool:
        return len(self.chunks) == self.count

    def version(self) -> Version:
        return Version(self.manifest, self.envelope, self.layout, tuple(self.chunks[i] for i in range(self.count)))

    def messages(self) -> list:
        """HOLDINGS, in as many parts as it needs."""
        wants = 0 if self.complete else WANTS
        if self.directing:
            return bitmap_messages(self.digest, wants | DIRECTING, self.count, self.announced)
        if self.complete:
            return [wire.Holdings(self.digest, COMPLETE, self.count)]
        return bitmap_messages(self.digest, wants, self.count, set(self.chunks))


def bitmap_messages(version: bytes, flags: int, count: int, held: set) -> list:
    if not held:
        return [wire.Holdings(version, flags, count)]
    bits = bytearray((count + 7) // 8)
    for index in held:
        bits[index // 8] |= 0x80 >> (index % 8)
    return [
        wire.Holdings(version, flags, count, at * 8, bytes(bits[at : at + BITMAP_BYTES_MAX]))
        for at in range(0, len(bits), BITMAP_BYTES_MAX)
    ]


@dataclass
class PeerHolding:
    """What a neighbour told of a version. `next_first` is where the next part has to begin (None: all is told)."""

    flags: int = 0
    count: int = 0
    chunks: set = field(default_factory=set)
    offered: set = field(default_factory=set)
    next_first: int | None = 0

    @property
    def directing(self) -> bool:
        return bool(self.flags & DIRECTING)

    def holds(self, chunk: int) -> bool:
        return bool(self.flags & COMPLETE) or chunk in self.chunks or chunk in self.offered

    def absorb(self, message: wire.Holdings) -> "PeerHolding":
        """The state after a part: a new one if the part is the first."""
        state = PeerHolding(message.flags, message.chunks) if message.first == 0 else self
        if message.first != 0 and (message.first != self.next_first or message.chunks != self.count):
            raise Violation(Code.MALFORMED, "a part of HOLDINGS that does not follow")
        told = message.first + len(message.bitmap) * 8
        for position, byte in enumerate(message.bitmap):
            for bit in range(8):
                if byte & (0x80 >> bit):
                    state.chunks.add(message.first + position * 8 + bit)
        state.next_first = None if told >= state.count or not message.bitmap else told
        return state

    def require_within(self, chunks) -> None:
        for chunk in chunks:
            if chunk >= self.count:
                raise Violation(Code.MALFORMED, f"chunk {chunk} of {self.count}")
