"""The messages of `shoal-join/1` (join.md, section 3)."""

import hashlib
import hmac as hmac_module
from dataclasses import dataclass

from .elements import Reader, Refused, Writer, part
from .join_token import Token

MESSAGE_BYTES_MAX = 4_096
ROOT_PART_BYTES_MAX = 4_000
UNKNOWN, USED, EXPIRED, NAME_TAKEN, DENIED, BAD_REQUEST, UNAVAILABLE = range(1, 8)
CODE_NAMES = {1: "unknown", 2: "used", 3: "expired", 4: "nameTaken", 5: "denied", 6: "badRequest", 7: "unavailable"}
NEXT_STEPS = {
    UNKNOWN: "the token was not made by this agent, or is wrong: make one there with `shoal token create`",
    USED: "each token lets one node in: make another", EXPIRED: "make another",
    NAME_TAKEN: "choose another --node, or deny the old node first",
    DENIED: "this node's key is denied: lift it, or start with an empty state folder",
    BAD_REQUEST: "what was wrong with the request", UNAVAILABLE: "try again later",
}


class JoinMessage:
    type = 0

    def encode(self) -> bytes:
        writer = Writer()
        self.write(writer)
        body = writer.done()
        return Writer().u16(len(body) + 1).u8(self.type).bytes(body).done()


def join_hmac(secret: bytes, token_id: bytes, name: str, request: bytes, exporter: bytes) -> bytes:
    covered = Writer().bytes(b"shoal/1 join\0").bytes(token_id).string(name).blob16(request).bytes(exporter).done()
    return hmac_module.new(secret, covered, hashlib.sha256).digest()


@dataclass(frozen=True)
class JoinRequest(JoinMessage):
    token_id: bytes
    name: str
    request: bytes
    hmac: bytes

    type = 1

    @staticmethod
    def make(token: Token, name: str, request: bytes, exporter: bytes) -> "JoinRequest":
        return JoinRequest(token.id, name, request, join_hmac(token.secret, token.id, name, request, exporter))

    def write(self, writer: Writer) -> None:
        writer.bytes(self.token_id).string(self.name).blob16(self.request).bytes(self.hmac)

    @staticmethod
    def read(reader: Reader) -> "JoinRequest":
        token_id, name = reader.bytes(8), reader.string("node name", 0, 64)
        return JoinRequest(token_id, name, reader.bytes(reader.ranged(2, 0, 1_024, "request bytes")), reader.bytes(32))


@dataclass(frozen=True)
class Grant(JoinMessage):
    certificate: bytes
    root_bytes: int
    root_parts: int

    type = 2

    def write(self, writer: Writer) -> None:
        writer.blob16(self.certificate).u32(self.root_bytes).u16(self.root_parts)

    @staticmethod
    def read(reader: Reader) -> "Grant":
        certificate = reader.bytes(reader.ranged(2, 1, 2_048, "certificate bytes"))
        root_bytes, parts = reader.ranged(4, 1, 65_536, "root bytes"), reader.u16()
        if not parts <= root_bytes <= parts * ROOT_PART_BYTES_MAX:
            raise Refused("outOfRange", f"{root_bytes} bytes in {parts} messages")
        return Grant(certificate, root_bytes, parts)


@dataclass(frozen=True)
class RootPart(JoinMessage):
    bytes: bytes

    type = 3

    def write(self, writer: Writer) -> None:
        writer.bytes(self.bytes)

    @staticmethod
    def read(reader: Reader) -> "RootPart":
        if not 1 <= reader.left <= ROOT_PART_BYTES_MAX:
            raise Refused("outOfRange", f"a ROOT of {reader.left} bytes")
        return RootPart(reader.rest())


@dataclass(frozen=True)
class Refusal(JoinMessage):
    code: int
    text: str

    type = 4

    def write(self, writer: Writer) -> None:
        writer.u8(self.code).string(self.text)

    @staticmethod
    def read(reader: Reader) -> "Refusal":
        return Refusal(reader.u8(), reader.string("text", 0, 512))


TYPES = {1: JoinRequest, 2: Grant, 3: RootPart, 4: Refusal}


def message_bytes(data: bytes) -> int | None:
    """How many bytes the first message has, its length included; None while that is not known."""
    if len(data) < 2:
        return None
    length = int.from_bytes(data[:2], "big")
    if not 1 <= length <= MESSAGE_BYTES_MAX:
        raise Refused("outOfRange", f"a message of {length} bytes")
    return 2 + length


def decode_one(data: bytes):
    """Exactly one message. Raises Refused."""
    total = message_bytes(data)
    if total is None or total != len(data):
        raise Refused("truncated" if total is None or total > len(data) else "trailing")
    if data[2] not in TYPES:
        raise Refused("badKind", f"message type {data[2]}")
    reader = Reader(data[3:])
    decoded = TYPES[data[2]].read(reader)
    reader.end()
    return decoded


__all__ = ["JoinRequest", "Grant", "RootPart", "Refusal", "join_hmac", "decode_one", "message_bytes", "part"]
