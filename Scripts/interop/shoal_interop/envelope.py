"""The envelope of a signed document (documents.md, section 2): reading, digest, signing, checking against a root."""

from dataclasses import dataclass, field

from .elements import Reader, Refused, Writer
from .keys import Key, require_minimal_der, sha256, verify

MAGIC = b"SHLD"
ROOT, MANIFEST, HEAD, DENY, LAYOUT = 1, 2, 3, 4, 5
KIND_NAMES = {ROOT: "root", MANIFEST: "manifest", HEAD: "head", DENY: "deny"}
ENVELOPE_BYTES_MAX = {ROOT: 65_536, MANIFEST: 4_194_304, HEAD: 4_096, DENY: 4_096}
LAYOUT_BYTES_MAX = 50_331_648
SIGNATURES_MAX = 16

RIGHT_ROOT, RIGHT_PUBLISH, RIGHT_PROMOTE, RIGHT_DENY = 1, 2, 4, 8
RIGHT_NAMES = {RIGHT_ROOT: "root", RIGHT_PUBLISH: "publish", RIGHT_PROMOTE: "promote", RIGHT_DENY: "deny"}


def domain(kind: int) -> str:
    return "shoal/1 " + KIND_NAMES[kind]


def digest_of(domain_string: str, body: bytes) -> bytes:
    return sha256(signed_message(domain_string, body))


def signed_message(domain_string: str, body: bytes) -> bytes:
    return domain_string.encode("ascii") + b"\0" + body


@dataclass(frozen=True)
class Envelope:
    """A document as it travels. `signatures` maps a key id to a signature in DER."""

    kind: int
    body: bytes
    signatures: dict = field(default_factory=dict)

    @property
    def digest(self) -> bytes:
        return digest_of(domain(self.kind), self.body)

    @property
    def message(self) -> bytes:
        return signed_message(domain(self.kind), self.body)

    def signed(self, *keys: Key) -> "Envelope":
        return Envelope(self.kind, self.body, self.signatures | {key.key_id: key.sign(self.message) for key in keys})

    def encode(self) -> bytes:
        writer = Writer().bytes(MAGIC).u8(self.kind).u32(len(self.body)).bytes(self.body).u8(len(self.signatures))
        for key_id, signature in sorted(self.signatures.items()):
            writer.bytes(key_id).u8(len(signature)).bytes(signature)
        return writer.done()

    @staticmethod
    def decode(data: bytes, expected_kind: int | None = None) -> "Envelope":
        """Reads an envelope; the body is not looked at. The size is bounded before anything else."""
        reader = Reader(data)
        if reader.bytes(4) != MAGIC:
            raise Refused("badMagic")
        kind = reader.u8()
        if kind not in KIND_NAMES or (expected_kind is not None and kind != expected_kind):
            raise Refused("badKind", f"kind {kind}")
        bound = ENVELOPE_BYTES_MAX[kind]
        count = reader.u32()
        if len(data) > bound or count > bound:
            raise Refused("tooLarge", f"a {KIND_NAMES[kind]} of {max(len(data), count)} bytes, {bound} at most")
        body = reader.bytes(count)
        signatures: dict = {}
        last = b""
        for _ in range(reader.ranged(1, 1, SIGNATURES_MAX, "signatures")):
            key_id = reader.bytes(32)
            if key_id <= last:
                raise Refused("notAscending", "signatures by key id")
            last = key_id
            signatures[key_id] = reader.bytes(reader.ranged(1, 8, 72, "signature bytes"))
            require_minimal_der(signatures[key_id])
        reader.end()
        return Envelope(kind, body, signatures)

    def check_signatures(self, root) -> set:
        """Key ids of the root's keys that made a valid signature. A wrong one under a listed key is refused."""
        valid = set()
        for entry in root.keys:
            signature = self.signatures.get(entry.key_id)
            if signature is None:
                continue
            if not verify(entry.spki, signature, self.message):
                raise Refused("badSignature", f"of the listed key {entry.key_id.hex()}")
            valid.add(entry.key_id)
        return valid

    def merged(self, other: "Envelope", root) -> "Envelope":
        """The union of the valid signatures of two copies; of more than 16 those with the lowest key ids."""
        assert (self.kind, self.body) == (other.kind, other.body)
        ours = {key: self.signatures[key] for key in self.check_signatures(root)}
        theirs = {key: other.signatures[key] for key in other.check_signatures(root)}
        return Envelope(self.kind, self.body, dict(sorted((theirs | ours).items())[:SIGNATURES_MAX]))
