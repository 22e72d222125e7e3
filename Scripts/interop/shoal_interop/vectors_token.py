"""The vectors of token.json: tokens, the join messages and the HMAC, certificates."""

from . import joining_messages as joining
from .elements import Refused
from .join_token import PREFIX, Token, checksum
from .keys import make_ca, sha256
from .maker import Cluster
from .readable import readable
from .vectors_documents import NOW, flips_refused, pattern_bytes


class TokenVectors:
    def __init__(self):
        self.cluster = Cluster("harbour", seed="vectors", now=NOW)
        self.token = self.cluster.token(self.cluster.identity("issuer"))

    def build(self) -> dict:
        others = Token(bytes([255]) * 32, bytes(32), bytes(16), bytes(16), bytes(8), bytes(16))
        return {
            "format": 1,
            "tokens": [self.accept("token", self.token), self.accept("token-extremes", others)],
            "refused": self.refused_tokens(), "messages": self.messages(),
            "tolerated": self.tolerated_messages(), "refusedMessages": self.refused_messages(),
            "hmac": self.hmac(), "certificates": self.certificates(),
        }

    @staticmethod
    def accept(name: str, token: Token) -> dict:
        assert Token.parse(token.text) == token

        def attempt(changed: bytes):
            Token.parse(changed.decode("latin-1"))

        text = token.text.encode()
        return {
            "name": name, "text": token.text, "bytes": token.encode().hex(), "fields": readable(token),
            "corruptAt": [at for at in range(len(text)) if flips_refused(text, at, attempt)],
        }

    def refused_tokens(self) -> list:
        text = self.token.text
        same = self.token.encode()[:-4] + bytes(8)
        later, longer = b"\2" + self.token.encode()[1:-4], b"\2" + same[1:]
        cases = [
            ("empty", "", ("truncated",)), ("half-of-the-prefix", "shoa", ("truncated",)),
            ("no-token", "shoul", ("mistyped",)), ("prefix-only", PREFIX, ("truncated",)),
            ("one-character-less", text[:-1], ("truncated",)), ("half", text[:90], ("truncated",)),
            ("one-character-more", text + "A", ("mistyped",)), ("padded", text + "=", ("mistyped",)),
            ("another-prefix", "shoal2-" + text[7:], ("mistyped",)),
            ("prefix-in-capitals", "SHOAL1-" + text[7:], ("mistyped",)),
            ("a-plus", text[:40] + "+" + text[41:], ("mistyped",)),
            ("a-space", text[:40] + " " + text[41:], ("mistyped",)),
            ("two-characters-swapped", text[:20] + text[21] + text[20] + text[22:], ("mistyped",)),
            ("checksum", text[:-3] + ("AAA" if text[-3:] != "AAA" else "BBA"), ("mistyped",)),
            ("a-bit-beyond-the-last-byte", text[:-1] + successor(text[-1]), ("mistyped",)),
            ("format-2", text_of(later + checksum(later)), ("upgrade",)),
            ("format-2-and-longer", text_of(longer + checksum(longer)), ("upgrade",)),
            ("format-1-and-longer", text_of(same + checksum(same)), ("mistyped",)),
        ]
        assert text[20] != text[21]
        for name, value, reasons in cases:
            try:
                Token.parse(value)
            except Refused as refused:
                assert refused.reason in reasons, f"{name}: {refused}"
            else:
                raise AssertionError(f"{name} was not refused")
        return [{"name": name, "text": value, "reasons": list(reasons)} for name, value, reasons in cases]

    def request(self) -> joining.JoinRequest:
        key = self.cluster._key("node newcomer")
        made = pattern_bytes("a request that stands for a PKCS#10 one", 300)
        exporter = pattern_bytes("exporter", 32)
        assert key.spki
        return joining.JoinRequest.make(self.token, "newcomer", made, exporter)

    def messages(self) -> list:
        root = self.cluster.root_envelope.encode()
        certificate = self.cluster.identity("newcomer").certificate
        sent = [
            ("request", self.request()), ("grant", joining.Grant(certificate, len(root), 1)),
            ("root", joining.RootPart(root)), ("root-of-one-byte", joining.RootPart(b"S")),
            ("root-of-4000-bytes", joining.RootPart(pattern_bytes("part", 4_000))),
            ("refusal", joining.Refusal(4, "the name is taken: shoal deny, or another --node")),
            ("refusal-longest", joining.Refusal(7, "t" * 512)),
        ]
        out = []
        for name, message in sent:
            data = message.encode()
            assert joining.decode_one(data) == message, name
            out.append({"name": name, "type": message.type, "fields": readable(message), "bytes": data.hex()})
        return out

    @staticmethod
    def tolerated_messages() -> list:
        sent = joining.Refusal(200, "a reason that is not known yet")
        assert joining.decode_one(sent.encode()) == sent
        return [{"name": "refusal-of-a-later-code", "type": sent.type, "fields": readable(sent),
                 "bytes": sent.encode().hex()}]

    def refused_messages(self) -> list:
        good = self.request().encode()
        cases = [
            ("length-0", bytes(2)), ("length-4097", (4_097).to_bytes(2, "big") + b"\3"), ("type-0", b"\0\1\0"),
            ("type-5", b"\0\1\5"), ("request-cut-off", (len(good) - 3).to_bytes(2, "big") + good[2:-1]),
            ("request-left-over", (len(good) - 1).to_bytes(2, "big") + good[2:] + b"\0"),
            ("request-of-1025-bytes", joining.JoinRequest(bytes(8), "n", bytes(1_025), bytes(32)).encode()),
            ("grant-certificate-2049", joining.Grant(bytes(2_049), 1, 1).encode()),
            ("grant-of-no-root-message", joining.Grant(b"0", 1, 0).encode()),
            ("grant-of-more-root-messages-than-bytes", joining.Grant(b"0", 2, 3).encode()),
            ("grant-of-too-few-root-messages", joining.Grant(b"0", 4_001, 1).encode()),
            ("grant-root-65537", joining.Grant(b"0", 65_537, 17).encode()),
            ("request-name-of-65-bytes", joining.JoinRequest(bytes(8), "n" * 65, b"r", bytes(32)).encode()),
            ("root-empty", b"\0\1\3"), ("root-4001", joining.RootPart(bytes(4_001)).encode()),
            ("refusal-text-513", joining.Refusal(1, "t" * 513).encode()),
        ]
        for name, data in cases:
            try:
                joining.decode_one(data)
            except Refused:
                continue
            raise AssertionError(f"{name} was not refused")
        return [{"name": name, "bytes": data.hex()} for name, data in cases]

    def hmac(self) -> list:
        request = self.request()
        exporter = pattern_bytes("exporter", 32)
        return [{
            "name": "hmac", "secret": self.token.secret.hex(), "tokenID": self.token.id.hex(), "node": request.name,
            "request": request.request.hex(), "exporter": exporter.hex(), "hmac": request.hmac.hex(),
        }]

    def certificates(self) -> list:
        """A CA and a node certificate, read by whoever wants to compare extensions with its own."""
        cluster, identity = self.cluster, self.cluster.identity("berth-1")
        return [{
            "name": "harbour", "clusterID": cluster.cluster_id.hex(), "ca": cluster.ca_certificate.hex(),
            "caPin": sha256(cluster.ca_key.spki).hex(), "node": identity.certificate.hex(),
            "nodeName": "berth-1", "nodeID": identity.node_id.hex(), "nodePEM": identity.key.pem.decode(),
            "otherCA": make_ca(cluster._key("other ca"), "harbour", NOW, serial=5).hex(),
            "validAt": NOW,
        }]


def text_of(data: bytes) -> str:
    import base64
    return PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")


def successor(letter: str) -> str:
    """The next letter of the alphabet of base64url: the same byte, but for bits that must be zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) + 1]
