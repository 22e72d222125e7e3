"""Messages of `shoal/1` (wire.md, sections 4 and 5): one class each, strict both ways; `framing` cuts them out."""

from dataclasses import dataclass

from .elements import Reader, Refused, Writer, model, require_ascending
from .envelope import ENVELOPE_BYTES_MAX, LAYOUT_BYTES_MAX
from .violations import Code, Violation

PAYLOAD_BYTES_MAX = 16_384
BITMAP_BYTES_MAX = 16_384
MODEL_BYTES_MAX = 128
CHUNKS_MAX = 1_048_576
PEERS_MAX = 64


@dataclass(frozen=True)
class Address:
    """An IP address as 4 or 16 bytes."""

    ip: bytes

    def write(self, writer: Writer) -> None:
        writer.u8(4 if len(self.ip) == 4 else 6).bytes(self.ip)

    @staticmethod
    def read(reader: Reader) -> "Address":
        family = reader.u8()
        if family not in (4, 6):
            raise Refused("outOfRange", f"address family {family}")
        return Address(reader.bytes(4 if family == 4 else 16))


@dataclass(frozen=True)
class PeerEntry:
    """`issues`: that node issues certificates."""

    node_id: bytes
    issues: bool
    ip: bytes
    port: int
    models: tuple = ()

    def write(self, writer: Writer) -> None:
        writer.bytes(self.node_id).u8(1 if self.issues else 0)
        Address(self.ip).write(writer)
        writer.u16(self.port).u8(len(self.models))
        for name in self.models:
            writer.string(name)

    @staticmethod
    def read(reader: Reader) -> "PeerEntry":
        node_id, flags = reader.bytes(16), reader.u8()
        ip, port = Address.read(reader).ip, reader.u16()
        models = tuple(model(reader.string("model")) for _ in range(reader.counted(1, 16, "models")))
        return PeerEntry(node_id, bool(flags & 1), ip, port, models)


class FrameReader(Reader):
    """A count or a string over its bound is `tooLarge`; all else that is wrong is malformed."""

    def counted(self, width: int, most: int, what: str) -> int:
        count = self.number(width)
        if count > most:
            raise Refused("tooLarge", f"{count} {what}, {most} at most")
        return count

    def string(self, what: str, low: int = 0, high: int = MODEL_BYTES_MAX) -> str:
        count = int.from_bytes(self.data[self.at : self.at + 2], "big")
        if self.left >= 2 and count > high:
            raise Refused("tooLarge", f"{what} has {count} bytes, {high} at most")
        return super().string(what, low, high)


class Message:
    """`type` is the frame's type; `write` and `read` are its body."""

    type = 0

    def encode(self) -> bytes:
        writer = Writer()
        self.write(writer)
        body = writer.done()
        return Writer().u32(len(body) + 1).u8(self.type).bytes(body).done()

    def write(self, writer: Writer) -> None:
        pass


MESSAGES: dict = {}


def message(number: int):
    """Makes a frozen dataclass of the class and enters it into the table of types."""
    def enter(cls):
        cls = dataclass(frozen=True)(cls)
        cls.type = number
        MESSAGES[number] = cls
        return cls
    return enter


@message(0x01)
class Hello(Message):
    root_version: int
    instance: int
    software: str = "shoal-interop"
    listening_port: int = 0
    issues: bool = False
    addresses: tuple = ()
    labels: tuple = ()
    minor: int = 0
    features: int = 0
    lane: int = 0

    def write(self, writer: Writer) -> None:
        writer.u16(self.minor).u64(self.features).u32(self.root_version).u8(1 if self.issues else 0).u8(self.lane)
        writer.u64(self.instance).string(self.software).u16(self.listening_port).u8(len(self.addresses))
        for ip in self.addresses:
            Address(ip).write(writer)
        writer.u8(len(self.labels))
        for key, value in self.labels:
            writer.string(key).string(value)

    @staticmethod
    def read(reader: Reader) -> "Hello":
        minor, features, root, flags, lane = reader.u16(), reader.u64(), reader.u32(), reader.u8(), reader.u8()
        instance, software, port = reader.u64(), reader.string("software", 0, 64), reader.u16()
        addresses = tuple(Address.read(reader).ip for _ in range(reader.counted(1, 8, "addresses")))
        count = reader.counted(1, 16, "labels")
        labels = tuple((reader.string("key", 1, 64), reader.string("value", 0, 128)) for _ in range(count))
        require_ascending([key for key, _ in labels], "labels")
        reader.rest()  # fields of a later minor version
        return Hello(root, instance, software, port, bool(flags & 1), addresses, labels, minor, features, lane)


@message(0x02)
class Models(Message):
    names: tuple

    def write(self, writer: Writer) -> None:
        writer.u16(len(self.names))
        for name in self.names:
            writer.string(name)

    @staticmethod
    def read(reader: Reader) -> "Models":
        names = tuple(model(reader.string("model")) for _ in range(reader.counted(2, 256, "models")))
        require_ascending(names, "models")
        return Models(names)


@message(0x03)
class Peers(Message):
    entries: tuple

    def write(self, writer: Writer) -> None:
        writer.u8(len(self.entries))
        for entry in self.entries:
            entry.write(writer)

    @staticmethod
    def read(reader: Reader) -> "Peers":
        count = reader.u8()
        if count > PEERS_MAX:
            raise Violation(Code.TOO_MANY_ADDRESSES, f"{count} entries, {PEERS_MAX} at most")
        return Peers(tuple(PeerEntry.read(reader) for _ in range(count)))


@message(0x04)
class Ping(Message):
    token: int

    def write(self, writer: Writer) -> None:
        writer.u64(self.token)

    @classmethod
    def read(cls, reader: Reader):
        return cls(reader.u64())


@message(0x05)
class Pong(Ping):
    pass


@message(0x06)
class Goodbye(Message):
    code: int
    text: str = ""

    def write(self, writer: Writer) -> None:
        writer.u16(self.code).string(self.text)

    @staticmethod
    def read(reader: Reader) -> "Goodbye":
        return Goodbye(reader.u16(), reader.string("text", 0, 256))


@message(0x10)
class Document(Message):
    kind: int
    envelope: bytes

    def write(self, writer: Writer) -> None:
        writer.u8(self.kind).bytes(self.envelope)

    @staticmethod
    def read(reader: Reader) -> "Document":
        kind = reader.u8()
        if kind not in (1, 3, 4):
            raise Refused("outOfRange", f"document kind {kind}")
        if reader.left > ENVELOPE_BYTES_MAX[kind]:
            raise Refused("tooLarge", f"a document of {reader.left} bytes")
        return Document(kind, reader.rest())


@message(0x11)
class Levelled(Message):
    @staticmethod
    def read(reader: Reader) -> "Levelled":
        return Levelled()


@message(0x12)
class VersionsQuery(Message):
    request: int
    model: str

    def write(self, writer: Writer) -> None:
        writer.u32(self.request).string(self.model)

    @staticmethod
    def read(reader: Reader) -> "VersionsQuery":
        return VersionsQuery(reader.u32(), model(reader.string("model")))


@message(0x13)
class Versions(Message):
    request: int
    digests: tuple

    def write(self, writer: Writer) -> None:
        writer.u32(self.request).u16(len(self.digests)).bytes(b"".join(self.digests))

    @staticmethod
    def read(reader: Reader) -> "Versions":
        return Versions(reader.u32(), tuple(reader.bytes(32) for _ in range(reader.counted(2, 512, "versions"))))


@message(0x14)
class Fetch(Message):
    request: int
    kind: int
    digest: bytes

    def write(self, writer: Writer) -> None:
        writer.u32(self.request).u8(self.kind).bytes(self.digest)

    @staticmethod
    def read(reader: Reader) -> "Fetch":
        request, kind = reader.u32(), reader.u8()
        if kind not in (2, 5):
            raise Refused("outOfRange", f"kind {kind} cannot be fetched")
        return Fetch(request, kind, reader.bytes(32))


def payload(reader: Reader) -> bytes:
    if reader.left > PAYLOAD_BYTES_MAX:
        raise Refused("tooLarge", f"a payload of {reader.left} bytes")
    if not reader.left:
        raise Refused("truncated", "an empty payload")
    return reader.rest()


@message(0x15)
class Part(Message):
    request: int
    total: int
    offset: int
    bytes: bytes

    def write(self, writer: Writer) -> None:
        writer.u32(self.request).u32(self.total).u32(self.offset).bytes(self.bytes)

    @staticmethod
    def read(reader: Reader) -> "Part":
        part = Part(reader.u32(), reader.u32(), reader.u32(), payload(reader))
        if part.total > LAYOUT_BYTES_MAX:
            raise Refused("tooLarge", f"a total of {part.total} bytes")
        if part.offset + len(part.bytes) > part.total:
            raise Refused("outOfRange", "bytes beyond the total")
        return part


@message(0x16)
class Absent(Message):
    request: int
    reason: int

    def write(self, writer: Writer) -> None:
        writer.u32(self.request).u8(self.reason)

    @staticmethod
    def read(reader: Reader) -> "Absent":
        return Absent(reader.u32(), reader.ranged(1, 1, 3, "reason"))


@message(0x17)
class Find(Message):
    id: bytes
    hops: int
    what: int
    model: str = ""

    def write(self, writer: Writer) -> None:
        writer.bytes(self.id).u8(self.hops).u8(self.what).string(self.model)

    @staticmethod
    def read(reader: Reader) -> "Find":
        find = Find(reader.bytes(16), reader.ranged(1, 0, 3, "hops"), reader.ranged(1, 1, 2, "what"),
                    reader.string("model"))
        if find.what == 1:
            model(find.model)
        elif find.model:
            raise Refused("badName", "a model where an issuer is asked for")
        return find


@message(0x18)
class Found(Message):
    id: bytes
    entries: tuple

    def write(self, writer: Writer) -> None:
        writer.bytes(self.id).u8(len(self.entries))
        for entry in self.entries:
            entry.write(writer)

    @staticmethod
    def read(reader: Reader) -> "Found":
        identity = reader.bytes(16)
        return Found(identity, tuple(PeerEntry.read(reader) for _ in range(reader.counted(1, 16, "entries"))))


WANTS, COMPLETE, DIRECTING = 1, 2, 4


@message(0x20)
class Holdings(Message):
    version: bytes
    flags: int
    chunks: int
    first: int = 0
    bitmap: bytes = b""

    def write(self, writer: Writer) -> None:
        writer.bytes(self.version).u8(self.flags).u32(self.chunks).u32(self.first).bytes(self.bitmap)

    @staticmethod
    def read(reader: Reader) -> "Holdings":
        version, flags, chunks, first = reader.bytes(32), reader.u8(), reader.u32(), reader.u32()
        if reader.left > BITMAP_BYTES_MAX:
            raise Refused("tooLarge", f"a bitmap of {reader.left} bytes")
        bitmap = reader.rest()
        room = chunks - first
        if flags & ~7:
            raise Refused("outOfRange", f"flags {flags}")
        if chunks > CHUNKS_MAX:
            raise Refused("outOfRange", f"{chunks} chunks")
        if first and (room < 1 or not bitmap):
            raise Refused("outOfRange", f"an empty part from chunk {first} of {chunks}")
        if first % 8 or room < 0 or len(bitmap) > (room + 7) // 8:
            raise Refused("outOfRange", f"{len(bitmap)} bytes of bitmap from chunk {first} of {chunks}")
        if flags & COMPLETE and bitmap:
            raise Refused("notCanonical", "complete, and yet a bitmap")
        unused = len(bitmap) * 8 - room
        if unused > 0 and bitmap[-1] & ((1 << unused) - 1):
            raise Refused("notCanonical", "a bit beyond the last chunk")
        return Holdings(version, flags, chunks, first, bitmap)


@message(0x21)
class Have(Message):
    version: bytes
    chunks: tuple

    def write(self, writer: Writer) -> None:
        writer.bytes(self.version).u16(len(self.chunks))
        for chunk in self.chunks:
            writer.u32(chunk)

    @classmethod
    def read(cls, reader: Reader):
        version = reader.bytes(32)
        chunks = tuple(reader.u32() for _ in range(reader.counted(2, 1_024, "chunks")))
        if not chunks:
            raise Refused("outOfRange", "no chunk")
        require_ascending([chunk.to_bytes(4, "big") for chunk in chunks], "chunks")
        return cls(version, chunks)


@message(0x22)
class Withdraw(Have):
    pass


@message(0x23)
class Leave(Message):
    version: bytes

    def write(self, writer: Writer) -> None:
        writer.bytes(self.version)

    @staticmethod
    def read(reader: Reader) -> "Leave":
        return Leave(reader.bytes(32))


@message(0x24)
class Offer(Message):
    version: bytes
    chunk: int

    def write(self, writer: Writer) -> None:
        writer.bytes(self.version).u32(self.chunk)

    @classmethod
    def read(cls, reader: Reader):
        return cls(reader.bytes(32), reader.u32())


@message(0x25)
class Claim(Message):
    version: bytes
    chunk: int
    claimant: bytes

    def write(self, writer: Writer) -> None:
        writer.bytes(self.version).u32(self.chunk).bytes(self.claimant)

    @staticmethod
    def read(reader: Reader) -> "Claim":
        return Claim(reader.bytes(32), reader.u32(), reader.bytes(16))


@message(0x2A)
class Bad(Offer):
    pass


@message(0x26)
class Request(Message):
    request: int
    version: bytes
    chunk: int

    def write(self, writer: Writer) -> None:
        writer.u32(self.request).bytes(self.version).u32(self.chunk)

    @staticmethod
    def read(reader: Reader) -> "Request":
        return Request(reader.u32(), reader.bytes(32), reader.u32())


@message(0x27)
class Cancel(Message):
    request: int

    def write(self, writer: Writer) -> None:
        writer.u32(self.request)

    @classmethod
    def read(cls, reader: Reader):
        return cls(reader.u32())


@message(0x30)
class Renew(Cancel):
    pass


@message(0x28)
class Data(Message):
    request: int
    offset: int
    bytes: bytes

    def write(self, writer: Writer) -> None:
        writer.u32(self.request).u32(self.offset).bytes(self.bytes)

    @staticmethod
    def read(reader: Reader) -> "Data":
        return Data(reader.u32(), reader.u32(), payload(reader))


REFUSED_BUSY, REFUSED_NOT_HELD, REFUSED_UNKNOWN, REFUSED_DENIED, REFUSED_UNREADABLE, REFUSED_LEAVING = range(1, 7)
REFUSED_ELSEWHERE = 7


@message(0x29)
class Refuse(Message):
    request: int
    reason: int
    retry_milliseconds: int = 0

    def write(self, writer: Writer) -> None:
        writer.u32(self.request).u8(self.reason).u32(self.retry_milliseconds)

    @staticmethod
    def read(reader: Reader) -> "Refuse":
        return Refuse(reader.u32(), reader.ranged(1, 1, 7, "reason"), reader.u32())


@message(0x31)
class Certificate(Message):
    request: int
    certificate: bytes

    def write(self, writer: Writer) -> None:
        writer.u32(self.request).blob16(self.certificate)

    @staticmethod
    def read(reader: Reader) -> "Certificate":
        request, count = reader.u32(), reader.counted(2, 2_048, "bytes of certificate")
        if not count:
            raise Refused("outOfRange", "an empty certificate")
        return Certificate(request, reader.bytes(count))


@message(0x80)
class Space(Message):
    bytes: int
    shares_blocks: bool

    def write(self, writer: Writer) -> None:
        writer.u64(self.bytes).u8(int(self.shares_blocks))

    @staticmethod
    def read(reader: Reader) -> "Space":
        return Space(reader.u64(), bool(reader.u8() & 1))


def ascending_by_node(entries: list, what: str) -> tuple:
    if not entries:
        raise Refused("outOfRange", f"no {what}")
    require_ascending([entry[0] for entry in entries], what)
    return tuple(entries)


@message(0x81)
class StatusNews(Message):
    """Entries: (node id, boot, sequence)."""

    entries: tuple

    def write(self, writer: Writer) -> None:
        writer.u16(len(self.entries))
        for node, boot, sequence in self.entries:
            writer.bytes(node).u64(boot).u32(sequence)

    @staticmethod
    def read(reader: Reader) -> "StatusNews":
        count = reader.counted(2, 512, "status news")
        entries = [(reader.bytes(16), reader.u64(), reader.u32()) for _ in range(count)]
        return StatusNews(ascending_by_node(entries, "status news"))


@message(0x82)
class StatusQuery(Message):
    """Entries: (node id, whether the certificate is wanted)."""

    entries: tuple

    def write(self, writer: Writer) -> None:
        writer.u16(len(self.entries))
        for node, wants_certificate in self.entries:
            writer.bytes(node).u8(int(wants_certificate))

    @staticmethod
    def read(reader: Reader) -> "StatusQuery":
        count = reader.counted(2, 64, "status questions")
        entries = [(reader.bytes(16), bool(reader.ranged(1, 0, 1, "flags"))) for _ in range(count)]
        return StatusQuery(ascending_by_node(entries, "status questions"))


@message(0x83)
class Status(Message):
    age: int
    record: bytes
    certificate: bytes = b""

    def write(self, writer: Writer) -> None:
        writer.u32(self.age).blob16(self.record).blob16(self.certificate)

    @staticmethod
    def read(reader: Reader) -> "Status":
        age, count = reader.u32(), reader.counted(2, 4_096, "bytes of record")
        if not count:
            raise Refused("outOfRange", "an empty record")
        return Status(age, reader.bytes(count), reader.bytes(reader.counted(2, 2_048, "bytes of certificate")))
