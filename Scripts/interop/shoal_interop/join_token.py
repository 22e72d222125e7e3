"""The join token (join.md, section 1)."""

import base64
import secrets
from dataclasses import dataclass, field

from .elements import Reader, Refused, Writer
from .keys import sha256

PREFIX = "shoal1-"
TOKEN_BYTES = 125
TEXT_LETTERS = 167
ALPHABET = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@dataclass(frozen=True)
class Token:
    ca_pin: bytes
    root_pin: bytes
    issuer: bytes
    cluster_id: bytes
    id: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def encode(self) -> bytes:
        writer = Writer().u8(1).bytes(self.id).bytes(self.secret).bytes(self.ca_pin).bytes(self.root_pin)
        covered = writer.bytes(self.issuer).bytes(self.cluster_id).done()
        return covered + checksum(covered)

    @property
    def text(self) -> str:
        return PREFIX + base64.urlsafe_b64encode(self.encode()).decode().rstrip("=")

    @staticmethod
    def parse(text: str) -> "Token":
        """Raises Refused with the reason `mistyped`, `truncated` or `upgrade`."""
        if len(text) < len(PREFIX) + TEXT_LETTERS and PREFIX.startswith(text[: len(PREFIX)]):
            raise Refused("truncated", f"{len(text)} of {len(PREFIX) + TEXT_LETTERS} characters")
        if not text.startswith(PREFIX):
            raise Refused("mistyped", "a token begins with shoal1-")
        letters = text[len(PREFIX) :]
        if any(letter not in ALPHABET for letter in letters) or len(letters) % 4 == 1:
            raise Refused("mistyped", "a character that no token has, or one too many")
        data = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
        if checksum(data[:-4]) != data[-4:]:
            raise Refused("mistyped", "the checksum is wrong")
        if base64.urlsafe_b64encode(data).decode().rstrip("=") != letters:
            raise Refused("mistyped", "the last character has bits that no token has")
        reader = Reader(data)
        if (number := reader.u8()) > 1:
            raise Refused("upgrade", "a token of a later format")
        if number != 1 or len(data) != TOKEN_BYTES:
            raise Refused("mistyped", "not a token of format 1")
        identity, secret = reader.bytes(8), reader.bytes(16)
        ca_pin, root_pin, issuer, cluster = reader.bytes(32), reader.bytes(32), reader.bytes(16), reader.bytes(16)
        return Token(ca_pin, root_pin, issuer, cluster, identity, secret)


def checksum(covered: bytes) -> bytes:
    return sha256(b"shoal/1 token\0" + covered)[:4]
