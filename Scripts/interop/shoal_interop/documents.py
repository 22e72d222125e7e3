"""The bodies of root, manifest, head and deny record (documents.md, sections 3, 4, 6 and 7)."""

from dataclasses import dataclass

from . import elements
from .elements import Reader, Refused, Writer, part, read_format, read_list, read_name, require_ascending
from .envelope import (
    DENY, HEAD, LAYOUT_BYTES_MAX, MANIFEST, RIGHT_DENY, RIGHT_NAMES, RIGHT_PROMOTE, RIGHT_PUBLISH, RIGHT_ROOT, ROOT,
    Envelope,
)
from .keys import read_spki, sha256

FIXED, BY_CONTENT = 1, 2
CHUNKS_MAX = {FIXED: 262_144, BY_CONTENT: 1_048_576}
FILES_MAX = 16_384
NODE, VERSION, CHANNEL = 1, 2, 3
DENIED, LIFTED = 1, 2
U32_MAX, U64_MAX = 2**32 - 1, 2**64 - 1
FILE_BYTES_SUM_MAX = 2**63 - 1


class Body:
    """What the four bodies have in common."""

    kind = 0

    def envelope(self, *keys) -> Envelope:
        return Envelope(self.kind, self.encode()).signed(*keys)

    @property
    def digest(self) -> bytes:
        return Envelope(self.kind, self.encode()).digest


@dataclass(frozen=True)
class RootKey:
    spki: bytes
    rights: int
    patterns: tuple

    @property
    def key_id(self) -> bytes:
        return sha256(self.spki)

    def covers(self, model: str | None) -> bool:
        """Whether a pattern matches the model; without a model only `*` does."""
        if model is None:
            return "*" in self.patterns
        return any(elements.pattern_matches(pattern, model) for pattern in self.patterns)


@dataclass(frozen=True)
class Root(Body):
    """`thresholds` are those for root, publish, promote and deny."""

    cluster_id: bytes
    cluster_name: str
    version: int
    issued: int
    epoch: int
    ca_certificates: tuple
    keys: tuple
    thresholds: tuple

    kind = ROOT

    def encode(self) -> bytes:
        writer = Writer().u16(1).bytes(self.cluster_id).string(self.cluster_name).u32(self.version)
        writer.u64(self.issued).u32(self.epoch).u8(len(self.ca_certificates))
        for certificate in self.ca_certificates:
            writer.blob16(certificate)
        writer.u8(len(self.keys))
        for key in self.keys:
            writer.blob16(key.spki).u8(key.rights).u8(len(key.patterns))
            for pattern in key.patterns:
                writer.string(pattern)
        for threshold in self.thresholds:
            writer.u8(threshold)
        return writer.done()

    @staticmethod
    def decode(body: bytes) -> "Root":
        reader = Reader(body)
        read_format(reader)
        cluster_id, name = reader.bytes(16), read_name(reader, part, "cluster name")
        version = reader.ranged(4, 1, U32_MAX, "version")
        issued, epoch = reader.time("issued"), reader.ranged(4, 1, U32_MAX, "epoch")
        certificates = read_list(
            reader.u8(), 1, 4, "CA certificates", lambda: reader.bytes(reader.ranged(2, 1, 2_048, "certificate bytes"))
        )
        require_ascending(certificates, "CA certificates")
        keys = read_list(reader.u8(), 1, 32, "keys", lambda: Root._read_key(reader))
        require_ascending([key.key_id for key in keys], "keys by key id")
        thresholds = tuple(reader.ranged(1, 1, 32, "threshold") for _ in range(4))
        reader.end()
        if thresholds[0] > sum(1 for key in keys if key.rights & RIGHT_ROOT):
            raise Refused("outOfRange", "the root threshold is above the number of root keys")
        return Root(cluster_id, name, version, issued, epoch, tuple(certificates), tuple(keys), thresholds)

    @staticmethod
    def _read_key(reader: Reader) -> RootKey:
        spki = reader.bytes(reader.ranged(2, 91, 91, "key bytes"))
        read_spki(spki)
        rights = reader.ranged(1, 1, 15, "rights")
        patterns = read_list(reader.u8(), 1, 16, "patterns", lambda: read_name(reader, elements.pattern, "pattern"))
        require_ascending(patterns, "patterns")
        return RootKey(spki, rights, tuple(patterns))

    def threshold(self, right: int) -> int:
        return self.thresholds[(RIGHT_ROOT, RIGHT_PUBLISH, RIGHT_PROMOTE, RIGHT_DENY).index(right)]

    def require_entitled(self, envelope: Envelope, right: int, model: str | None) -> None:
        """`model` None: the pattern must be `*` (a deny record of a node); for a root, patterns do not matter."""
        valid = envelope.check_signatures(self)
        entitled = {
            key.key_id for key in self.keys
            if key.key_id in valid and key.rights & right and (right == RIGHT_ROOT or key.covers(model))
        }
        if len(entitled) < self.threshold(right):
            wanted = self.threshold(right)
            raise Refused("notEntitled", f"{len(entitled)} of {wanted} signatures with the right {RIGHT_NAMES[right]}")


@dataclass(frozen=True)
class File:
    path: str
    bytes: int
    sha256: bytes


@dataclass(frozen=True)
class Variant:
    name: str
    files: tuple


@dataclass(frozen=True)
class Manifest(Body):
    """`lineage` and `gates` are tuples of (key, value)."""

    model: str
    tag: str
    publish_number: int
    created: int
    algorithm: int
    chunk_sizes: tuple
    layout_digest: bytes
    layout_bytes: int
    layout_chunks: int
    variants: tuple
    parent: bytes | None = None
    lineage: tuple = ()
    gates: tuple = ()

    kind = MANIFEST

    @property
    def files(self) -> list:
        return [file for variant in self.variants for file in variant.files]

    def encode(self) -> bytes:
        writer = Writer().u16(1).string(self.model).string(self.tag).u64(self.publish_number).u64(self.created)
        writer.u8(self.algorithm)
        for size in self.chunk_sizes:
            writer.u32(size)
        writer.bytes(self.layout_digest).u32(self.layout_bytes).u32(self.layout_chunks).u8(len(self.variants))
        for variant in self.variants:
            writer.string(variant.name).u16(len(variant.files))
            for file in variant.files:
                writer.string(file.path).u64(file.bytes).bytes(file.sha256)
        writer.u8(0 if self.parent is None else 1).bytes(self.parent or b"")
        writer.u16(len(self.lineage))
        for key, value in self.lineage:
            writer.string(key).string(value)
        writer.u8(len(self.gates))
        for key, value in self.gates:
            writer.string(key).string(value)
        return writer.done()

    @staticmethod
    def decode(body: bytes) -> "Manifest":
        reader = Reader(body)
        read_format(reader)
        model, tag = read_name(reader, elements.model, "model"), read_name(reader, elements.tag, "tag")
        number, created = reader.ranged(8, 1, U64_MAX, "publish number"), reader.time("created")
        algorithm = reader.ranged(1, 1, 2, "chunking algorithm")
        sizes = (reader.u32(), reader.u32(), reader.u32())
        check_chunk_sizes(algorithm, sizes)
        layout = reader.bytes(32)
        layout_bytes = reader.ranged(4, 0, LAYOUT_BYTES_MAX, "layout bytes")
        chunks = reader.ranged(4, 0, CHUNKS_MAX[algorithm], "chunks")
        variants = read_list(reader.u8(), 1, 32, "variants", lambda: read_variant(reader))
        require_ascending([variant.name for variant in variants], "variants")
        if sum(len(variant.files) for variant in variants) > FILES_MAX:
            raise Refused("outOfRange", "more than 16,384 files")
        if sum(file.bytes for variant in variants for file in variant.files) > FILE_BYTES_SUM_MAX:
            raise Refused("outOfRange", "the files have more than 2^63 - 1 bytes together")
        parent = reader.bytes(32) if reader.ranged(1, 0, 1, "parent") else None
        lineage = read_pairs(reader, reader.u16(), 64, 4_096, "lineage")
        gates = read_pairs(reader, reader.u8(), 16, 256, "gates")
        reader.end()
        return Manifest(
            model, tag, number, created, algorithm, sizes, layout, layout_bytes, chunks, tuple(variants), parent,
            lineage, gates,
        )


def check_chunk_sizes(algorithm: int, sizes: tuple) -> None:
    smallest, average, largest = sizes
    if algorithm == FIXED:
        good = smallest == average == largest and smallest & (smallest - 1) == 0
        good = good and elements.CHUNK_BYTES_FIXED_MIN <= smallest <= elements.CHUNK_BYTES_MAX
    else:
        good = 1 <= smallest <= average <= largest <= elements.CHUNK_BYTES_MAX
    if not good:
        raise Refused("outOfRange", f"chunk sizes {sizes}")


def read_variant(reader: Reader) -> Variant:
    name = read_name(reader, part, "variant")

    def entry() -> File:
        return File(read_name(reader, elements.file_path, "path"), reader.u64(), reader.bytes(32))

    files = read_list(reader.u16(), 1, FILES_MAX, "files", entry)
    require_ascending([file.path for file in files], "paths")
    lowered = {to_ascii_lower(file.path) for file in files}
    if len(lowered) != len(files):
        raise Refused("pathClash", "two paths differ in the case of letters only")
    for path in lowered:
        pieces = path.split("/")
        if any("/".join(pieces[:count]) in lowered for count in range(1, len(pieces))):
            raise Refused("pathClash", f"a folder of {path!r} is a file as well")
    return Variant(name, tuple(files))


def to_ascii_lower(text: str) -> str:
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)


def read_pairs(reader: Reader, count: int, most: int, value_max: int, what: str) -> tuple:
    def entry():
        return reader.string(what, 1, 64), reader.string(what, 0, value_max)
    pairs = read_list(count, 0, most, what, entry)
    require_ascending([key for key, _ in pairs], what)
    return tuple(pairs)


@dataclass(frozen=True)
class Ring:
    selector: str
    share: int
    seconds: int


@dataclass(frozen=True)
class Pin:
    selector: str
    version: bytes


@dataclass(frozen=True)
class Head(Body):
    cluster_id: bytes
    root_version: int
    model: str
    channel: str
    epoch: int
    counter: int
    version: bytes
    issued: int
    expires: int
    halt_share: int = 0
    flip_at: int = 0
    base: bytes | None = None
    expected: int = 0
    rings: tuple = ()
    released: int = 0
    pins: tuple = ()

    kind = HEAD

    def encode(self) -> bytes:
        writer = Writer().u16(1).bytes(self.cluster_id).u32(self.root_version).string(self.model).string(self.channel)
        writer.u32(self.epoch).u64(self.counter).bytes(self.version).u64(self.issued).u64(self.expires)
        writer.u16(self.halt_share).u64(self.flip_at)
        writer.u8(0 if self.base is None else 1).bytes(self.base or b"")
        writer.u32(self.expected).u8(len(self.rings))
        for ring in self.rings:
            writer.string(ring.selector).u16(ring.share).u32(ring.seconds)
        writer.u8(self.released).u8(len(self.pins))
        for pin in self.pins:
            writer.string(pin.selector).bytes(pin.version)
        return writer.done()

    @staticmethod
    def decode(body: bytes) -> "Head":
        reader = Reader(body)
        read_format(reader)
        cluster_id, root_version = reader.bytes(16), reader.ranged(4, 1, U32_MAX, "root version")
        model, channel = read_name(reader, elements.model, "model"), read_name(reader, part, "channel")
        epoch, counter = reader.ranged(4, 1, U32_MAX, "epoch"), reader.ranged(8, 1, U64_MAX, "counter")
        version, issued, expires = reader.bytes(32), reader.time("issued"), reader.time("expires")
        halt, flip = reader.ranged(2, 0, 1_000, "halt share"), reader.time("flip at")
        if expires <= issued:
            raise Refused("outOfRange", "expires is not after issued")

        def ring() -> Ring:
            return Ring(reader.string("ring", 0, 256), reader.ranged(2, 0, 1_000, "share"), reader.u32())

        base = reader.bytes(32) if reader.ranged(1, 0, 1, "base") else None
        expected = reader.u32()
        rings = read_list(reader.u8(), 0, 16, "rings", ring)
        released = reader.ranged(1, 0, len(rings), "released")
        if expected and not rings:
            raise Refused("outOfRange", "expected without rings")
        pins = read_list(reader.u8(), 0, 32, "pins", lambda: Pin(reader.string("pin", 1, 256), reader.bytes(32)))
        require_ascending([pin.selector for pin in pins], "pins")
        reader.end()
        return Head(
            cluster_id, root_version, model, channel, epoch, counter, version, issued, expires, halt, flip,
            base, expected, tuple(rings), released, tuple(pins),
        )


@dataclass(frozen=True)
class Deny(Body):
    """Subject: `node`, or `model` and `version`, or `model` and `channel`, by `subject_kind`."""

    cluster_id: bytes
    root_version: int
    subject_kind: int
    state: int
    epoch: int
    counter: int
    issued: int
    node: bytes | None = None
    model: str | None = None
    version: bytes | None = None
    channel: str | None = None

    kind = DENY

    @property
    def subject(self) -> tuple:
        return (self.subject_kind, self.node, self.model, self.version, self.channel)

    def encode(self) -> bytes:
        writer = Writer().u16(1).bytes(self.cluster_id).u32(self.root_version).u8(self.subject_kind)
        if self.subject_kind == NODE:
            writer.bytes(self.node)
        elif self.subject_kind == VERSION:
            writer.string(self.model).bytes(self.version)
        else:
            writer.string(self.model).string(self.channel)
        return writer.u8(self.state).u32(self.epoch).u64(self.counter).u64(self.issued).done()

    @staticmethod
    def decode(body: bytes) -> "Deny":
        reader = Reader(body)
        read_format(reader)
        cluster_id, root_version = reader.bytes(16), reader.ranged(4, 1, U32_MAX, "root version")
        kind = reader.ranged(1, 1, 3, "subject kind")
        node = reader.bytes(16) if kind == NODE else None
        model = None if kind == NODE else read_name(reader, elements.model, "model")
        version = reader.bytes(32) if kind == VERSION else None
        channel = read_name(reader, part, "channel") if kind == CHANNEL else None
        state = reader.ranged(1, 1, 2, "state")
        epoch, counter = reader.ranged(4, 1, U32_MAX, "epoch"), reader.ranged(8, 1, U64_MAX, "counter")
        issued = reader.time("issued")
        reader.end()
        return Deny(cluster_id, root_version, kind, state, epoch, counter, issued, node, model, version, channel)
