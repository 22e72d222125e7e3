"""The vectors of wire.json: frames, frames to refuse, and short conversations that earn a GOODBYE."""

from . import wire
from .elements import Writer
from .framing import Deframer, decode_one
from .maker import Cluster
from .readable import readable
from .vectors_documents import NOW, pattern_bytes
from .violations import Code, Violation
from .wire import PeerEntry

VERSION = pattern_bytes("version", 32)
NODE = pattern_bytes("node", 16)
V4, V6 = bytes([127, 0, 0, 1]), bytes.fromhex("20010db8000000000000000000000001")


def accepted_frames() -> list:
    """(name, message)."""
    cluster = Cluster("harbour", seed="vectors", now=NOW)
    hello = wire.Hello(3, 0x0123456789ABCDEF, "shoal 1.0", 7447, True, (V4, V6), (("rack", "a1"), ("site", "")))
    near = PeerEntry(NODE, True, V4, 7447, ("detect", "vision/detect"))
    far = PeerEntry(bytes(16), False, V6, 65_535)
    bits = pattern_bytes("bits", 16_384)
    longest = PeerEntry(NODE, False, V6, 1, tuple(f"m{number:02}" for number in range(16)))
    return [
        ("hello", hello), ("hello-least", wire.Hello(1, 0, "")),
        ("hello-longest", wire.Hello(2**32 - 1, 2**64 - 1, "s" * 64, 65_535, False, (V6,) * 8, tuple(
            (f"{number:02}" + "k" * 62, "v" * 128) for number in range(16)), 9, 2**63, 0)),
        ("models-none", wire.Models(())), ("models", wire.Models(("detect", "vision/detect"))),
        ("models-256", wire.Models(tuple(f"m{number:03}" for number in range(256)))),
        ("peers-none", wire.Peers(())), ("peers", wire.Peers((near, far))),
        ("peers-64", wire.Peers((far,) * 63 + (longest,))),
        ("ping", wire.Ping(2**64 - 1)), ("pong", wire.Pong(7)),
        ("goodbye", wire.Goodbye(13, "nothing for 15 s – größer")), ("goodbye-unknown-code", wire.Goodbye(999, "")),
        ("goodbye-longest", wire.Goodbye(0, "t" * 256)),
        ("document-root", wire.Document(1, cluster.root_envelope.encode())),
        ("document-head", wire.Document(3, cluster.head("detect", VERSION).encode())),
        ("document-deny", wire.Document(4, cluster.deny(node=NODE).encode())),
        ("levelled", wire.Levelled()), ("versions-query", wire.VersionsQuery(1, "vision/detect")),
        ("versions-none", wire.Versions(1, ())), ("versions", wire.Versions(2, (VERSION, bytes(32)))),
        ("versions-512", wire.Versions(3, (bytes(32),) * 512)),
        ("fetch-manifest", wire.Fetch(4, 2, VERSION)), ("fetch-layout", wire.Fetch(5, 5, VERSION)),
        ("part", wire.Part(4, 20, 10, b"ten bytes!")), ("part-one-byte", wire.Part(4, 1, 0, b"x")),
        ("part-16384", wire.Part(5, 50_331_648, 16_384, bits)), ("absent", wire.Absent(4, 2)),
        ("find-model", wire.Find(NODE, 3, 1, "detect")), ("find-issuer", wire.Find(NODE, 0, 2)),
        ("found-none", wire.Found(NODE, ())), ("found", wire.Found(NODE, (near, far))),
        ("holdings-nothing-yet", wire.Holdings(VERSION, 1, 1_000)),
        ("holdings-complete", wire.Holdings(VERSION, 2, 1_000)),
        ("holdings-13-chunks", wire.Holdings(VERSION, 5, 13, 0, bytes([0b10100000, 0b00001000]))),
        ("holdings-first-part", wire.Holdings(VERSION, 1, 131_080, 0, bits)),
        ("holdings-last-part", wire.Holdings(VERSION, 1, 131_080, 131_072, b"\x01")),
        ("have", wire.Have(VERSION, (0, 1, 700))), ("have-1024", wire.Have(VERSION, tuple(range(1_024)))),
        ("withdraw", wire.Withdraw(VERSION, (2**32 - 1,))), ("leave", wire.Leave(VERSION)),
        ("offer", wire.Offer(VERSION, 3)), ("claim", wire.Claim(VERSION, 4, NODE)),
        ("request", wire.Request(6, VERSION, 5)), ("cancel", wire.Cancel(6)),
        ("data", wire.Data(6, 32_768, b"bytes")), ("data-16384", wire.Data(6, 0, bits)),
        ("refuse", wire.Refuse(6, 1, 250)), ("refuse-elsewhere", wire.Refuse(6, 7)), ("bad", wire.Bad(VERSION, 5)),
        ("renew", wire.Renew(7)),
        ("certificate", wire.Certificate(7, cluster.identity("berth-1").certificate)),
        ("space", wire.Space(2**40 + 1, True)), ("space-none", wire.Space(0, False)),
        ("status-news", wire.StatusNews(((bytes(16), 1, 2), (NODE, 2**64 - 1, 2**32 - 1)))),
        ("status-news-512", wire.StatusNews(tuple((number.to_bytes(16, "big"), 0, 1) for number in range(512)))),
        ("status-query", wire.StatusQuery(((bytes(16), False), (NODE, True)))),
        ("status", wire.Status(3, b"record")),
        ("status-with-certificate", wire.Status(2**32 - 1, bytes(4_096), cluster.identity("berth-1").certificate)),
    ]


def frame(number: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return Writer().u32(len(body) + 1).u8(number).bytes(body).done()


def changed(sent: wire.Message, at: int, new: bytes) -> bytes:
    """The frame with other bytes from `at` (in the body) on, of the same length."""
    data = bytearray(sent.encode())
    data[5 + at : 5 + at + len(new)] = new
    return bytes(data)


BROKEN, LARGE = (Code.MALFORMED,), (Code.TOO_LARGE,)


def refused_lengths() -> list:
    """Frames (or their beginnings) that are refused for how long they say they are. (name, bytes, codes)."""
    return [
        ("length-0", bytes(4), BROKEN), ("length-66561", (66_561).to_bytes(4, "big") + b"\x28", LARGE),
        ("length-of-all-ones", b"\xff" * 4, LARGE),
        ("unknown-type-0x00", frame(0x00), (Code.UNSUPPORTED,)),
        ("unknown-type-0x40", frame(0x40, b"abc"), (Code.UNSUPPORTED,)),
        ("unknown-type-0x7f", frame(0x7F), (Code.UNSUPPORTED,)),
        ("ping-short", frame(0x04, bytes(7)), BROKEN), ("ping-long", frame(0x04, bytes(9)), BROKEN),
        ("pong-empty", frame(0x05), BROKEN), ("levelled-with-a-body", frame(0x11, b"\0"), BROKEN),
        ("data-16385", wire.Data(1, 0, bytes(16_385)).encode(), LARGE),
        ("data-empty", frame(0x28, bytes(8)), BROKEN), ("data-short", frame(0x28, bytes(7)), BROKEN),
        ("part-16385", wire.Part(1, 20_000, 0, bytes(16_385)).encode(), LARGE),
        ("part-empty", frame(0x15, bytes(12)), BROKEN),
        ("bitmap-16385", wire.Holdings(VERSION, 1, 200_000, 0, bytes(16_385)).encode(), LARGE),
        ("document-head-4097", wire.Document(3, bytes(4_097)).encode(), LARGE),
        ("document-deny-4097", wire.Document(4, bytes(4_097)).encode(), LARGE),
        ("certificate-2049", wire.Certificate(1, bytes(2_049)).encode(), LARGE),
        ("certificate-length-beyond-the-frame", frame(0x31, bytes(4), b"\x00\x09", b"12345678"), BROKEN),
        ("certificate-left-over", frame(0x31, bytes(4), b"\x00\x07", b"12345678"), BROKEN),
        ("goodbye-text-257", wire.Goodbye(0, "t" * 257).encode(), LARGE),
        ("status-record-4097", wire.Status(0, bytes(4_097)).encode(), LARGE),
        ("status-certificate-2049", wire.Status(0, b"r", bytes(2_049)).encode(), LARGE),
        ("status-record-empty", frame(0x83, bytes(9)), BROKEN),
        ("status-left-over", frame(0x83, bytes(5), b"\1r\0\0\0"), BROKEN),
        ("request-long", frame(0x26, bytes(41)), BROKEN), ("request-short", frame(0x26, bytes(39)), BROKEN),
    ]


def refused_bodies() -> list:
    """(name, bytes, codes)."""
    hello = wire.Hello(1, 0, "s")
    label = (("k", "v"),)
    many = tuple(PeerEntry(NODE, False, V4, 1) for _ in range(65))
    find = wire.Find(NODE, 3, 1, "m")
    tall = tuple(range(1_025))
    return [
        ("hello-software-65", wire.Hello(1, 0, "s" * 65).encode(), LARGE),
        ("hello-software-not-utf8", changed(hello, 26, b"\xff"), BROKEN),
        ("hello-cut-off", frame(0x01, hello.encode()[5:-1]), BROKEN),
        ("hello-nine-addresses", wire.Hello(1, 0, addresses=(V4,) * 9).encode(), LARGE),
        ("hello-address-family-5",
         wire.Hello(1, 0, "s", addresses=(V4,)).encode().replace(b"\4\x7f", b"\5\x7f"), BROKEN),
        ("hello-seventeen-labels", wire.Hello(1, 0, labels=tuple((f"{n:02}", "") for n in range(17))).encode(), LARGE),
        ("hello-label-key-empty", wire.Hello(1, 0, labels=(("", "v"),)).encode(), BROKEN),
        ("hello-label-key-65", wire.Hello(1, 0, labels=(("k" * 65, "v"),)).encode(), LARGE),
        ("hello-label-value-129", wire.Hello(1, 0, labels=(("k", "v" * 129),)).encode(), LARGE),
        ("hello-label-twice", wire.Hello(1, 0, labels=label * 2).encode(), BROKEN),
        ("hello-labels-descending", wire.Hello(1, 0, labels=(("l", "v"), *label)).encode(), BROKEN),
        ("status-news-none", frame(0x81, bytes(30)), BROKEN),
        ("status-news-513", wire.StatusNews(tuple((n.to_bytes(16, "big"), 0, 1) for n in range(513))).encode(), LARGE),
        ("status-news-twice", wire.StatusNews(((NODE, 1, 1), (NODE, 1, 2))).encode(), BROKEN),
        ("status-query-65", wire.StatusQuery(tuple((n.to_bytes(16, "big"), 0) for n in range(65))).encode(), LARGE),
        ("status-query-descending", wire.StatusQuery(((NODE, True), (bytes(16), True))).encode(), BROKEN),
        ("status-query-flag-2", frame(0x82, b"\0\1", NODE, b"\2"), BROKEN),
        ("models-257", wire.Models(tuple(f"m{n:03}" for n in range(257))).encode(), LARGE),
        ("models-descending", wire.Models(("b", "a")).encode(), BROKEN),
        ("model-twice", wire.Models(("a", "a")).encode(), BROKEN),
        ("model-of-129-bytes", wire.Models(("m" * 64 + "/" + "n" * 64,)).encode(), LARGE),
        ("models-no-name", wire.Models(("a//b",)).encode(), BROKEN),
        ("models-left-over", frame(0x02, b"\0\0\0"), BROKEN),
        ("peers-65", wire.Peers(many).encode(), (Code.TOO_MANY_ADDRESSES,)),
        ("peers-seventeen-models", wire.Peers((PeerEntry(NODE, False, V4, 1, tuple(
            f"m{n:02}" for n in range(17))),)).encode(), LARGE),
        ("peers-fewer-than-said", frame(0x03, b"\2", wire.Peers(many[:1]).encode()[6:]), BROKEN),
        ("found-17", wire.Found(NODE, many[:17]).encode(), LARGE),
        ("document-kind-0", wire.Document(0, b"x").encode(), BROKEN),
        ("document-kind-2", wire.Document(2, b"x").encode(), BROKEN),
        ("versions-513", wire.Versions(1, (VERSION,) * 513).encode(), LARGE),
        ("versions-cut-off", frame(0x13, wire.Versions(1, (VERSION,)).encode()[5:-1]), BROKEN),
        ("versions-query-no-name", wire.VersionsQuery(1, "").encode(), BROKEN),
        ("fetch-kind-1", wire.Fetch(1, 1, VERSION).encode(), BROKEN),
        ("fetch-kind-3", wire.Fetch(1, 3, VERSION).encode(), BROKEN),
        ("absent-reason-0", wire.Absent(1, 0).encode(), BROKEN),
        ("absent-reason-4", wire.Absent(1, 4).encode(), BROKEN),
        ("find-four-hops", changed(find, 16, b"\4"), BROKEN), ("find-what-0", changed(find, 17, b"\0"), BROKEN),
        ("find-what-3", changed(find, 17, b"\3"), BROKEN),
        ("find-issuer-with-a-model", changed(find, 17, b"\2"), BROKEN),
        ("find-model-without-one", wire.Find(NODE, 1, 1, "").encode(), BROKEN),
        ("holdings-first-not-a-multiple-of-8", wire.Holdings(VERSION, 1, 100, 4, b"").encode(), BROKEN),
        ("holdings-first-beyond-the-end", wire.Holdings(VERSION, 1, 100, 104, b"").encode(), BROKEN),
        ("holdings-bitmap-beyond-the-end", wire.Holdings(VERSION, 1, 16, 0, bytes(3)).encode(), BROKEN),
        ("holdings-unused-bit-set", wire.Holdings(VERSION, 1, 13, 0, b"\0\x04").encode(), BROKEN),
        ("holdings-complete-with-a-bitmap", wire.Holdings(VERSION, 2, 8, 0, b"\xff").encode(), BROKEN),
        ("holdings-unknown-flag", wire.Holdings(VERSION, 9, 8).encode(), BROKEN),
        ("holdings-1048577-chunks", wire.Holdings(VERSION, 1, 1_048_577).encode(), BROKEN),
        ("holdings-empty-part-after-the-first", wire.Holdings(VERSION, 1, 100, 8, b"").encode(), BROKEN),
        ("part-total-over-its-bound", wire.Part(1, 50_331_649, 0, b"x").encode(), LARGE),
        ("part-beyond-its-total", wire.Part(1, 10, 9, b"xy").encode(), BROKEN),
        ("have-none", wire.Have(VERSION, ()).encode(), BROKEN),
        ("have-1025", wire.Have(VERSION, tall).encode(), LARGE),
        ("have-descending", wire.Have(VERSION, (2, 1)).encode(), BROKEN),
        ("have-twice", wire.Have(VERSION, (2, 2)).encode(), BROKEN),
        ("withdraw-none", wire.Withdraw(VERSION, ()).encode(), BROKEN),
        ("have-count-above-the-bytes", changed(wire.Have(VERSION, (1, 2)), 32, b"\0\3"), BROKEN),
        ("have-count-below-the-bytes", changed(wire.Have(VERSION, (1, 2)), 32, b"\0\1"), BROKEN),
        ("refuse-reason-0", wire.Refuse(1, 0).encode(), BROKEN),
        ("refuse-reason-8", wire.Refuse(1, 8).encode(), BROKEN),
    ]


def ignored_frames() -> list:
    """(name, bytes) of frames that must be skipped, or read as if what is unknown were not there."""
    return [("unknown-type-0x90", frame(0x90)), ("unknown-type-0xff", frame(0xFF, b"later")),
            ("unknown-type-of-2000-bytes", frame(0x90, bytes(2_000)))]


def conversations() -> list:
    """(name, what the peer sends after the handshake, codes of the answer). The receiver's root version is 1, it has
    opened no version, and it has sent its own first frames but no request."""
    hello = wire.Hello(1, 1)
    levelled = wire.Levelled()
    return [
        ("ping-before-hello", [wire.Ping(1)], (Code.OUT_OF_ORDER,)),
        ("hello-twice", [hello, hello], (Code.OUT_OF_ORDER,)),
        ("levelled-twice", [hello, levelled, levelled], (Code.OUT_OF_ORDER,)),
        ("hello-for-lane-1", [wire.Hello(1, 1, lane=1)], (Code.UNSUPPORTED,)),
        ("pong-not-asked-for", [hello, wire.Pong(1)], (Code.UNSOLICITED,)),
        ("data-not-asked-for", [hello, wire.Data(1, 0, b"x")], (Code.UNSOLICITED,)),
        ("part-not-asked-for", [hello, wire.Part(1, 1, 0, b"x")], (Code.UNSOLICITED,)),
        ("absent-not-asked-for", [hello, wire.Absent(1, 1)], (Code.UNSOLICITED,)),
        ("refuse-not-asked-for", [hello, wire.Refuse(1, 1)], (Code.UNSOLICITED,)),
        ("versions-not-asked-for", [hello, wire.Versions(1, ())], (Code.UNSOLICITED,)),
        ("found-not-asked-for", [hello, wire.Found(NODE, ())], (Code.UNSOLICITED,)),
        ("certificate-not-asked-for", [hello, wire.Certificate(1, b"x")], (Code.UNSOLICITED,)),
        ("have-before-holdings", [hello, wire.Have(VERSION, (0,))], (Code.UNKNOWN_VERSION,)),
        ("withdraw-before-holdings", [hello, wire.Withdraw(VERSION, (0,))], (Code.UNKNOWN_VERSION,)),
        ("offer-before-holdings", [hello, wire.Offer(VERSION, 0)], (Code.UNKNOWN_VERSION,)),
        ("request-before-the-receiver's-holdings", [hello, wire.Request(1, VERSION, 0)], (Code.UNKNOWN_VERSION,)),
        ("document-that-is-none", [hello, wire.Document(3, b"nonsense")], (Code.BAD_DOCUMENT,)),
    ]


class WireVectors:
    def build(self) -> dict:
        return {
            "format": 1, "frames": [self.accept(*entry) for entry in accepted_frames()],
            "tolerated": [self.tolerate()],
            "refused": [self.refuse(*entry) for entry in refused_lengths() + refused_bodies()],
            "ignored": [self.ignore(*entry) for entry in ignored_frames()],
            "conversations": [
                {"name": name, "frames": [sent.encode().hex() for sent in frames], "codes": [int(c) for c in codes]}
                for name, frames, codes in conversations()
            ],
        }

    def accept(self, name: str, sent: wire.Message) -> dict:
        data = sent.encode()
        assert decode_one(data) == sent, name
        offsets = range(len(data)) if len(data) < 400 else sorted({*range(200), *range(len(data) - 40, len(data))})
        return {
            "name": name, "type": sent.type, "message": type(sent).__name__, "fields": readable(sent),
            "bytes": data.hex(), "corruptAt": [at for at in offsets if self.fails(data, at)],
        }

    @staticmethod
    def fails(data: bytes, at: int) -> bool:
        for bit in range(8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            try:
                if decode_one(bytes(flipped)) is not None:
                    return False
            except Violation:
                continue
        return True

    @staticmethod
    def tolerate() -> dict:
        later = wire.Hello(1, 2, "later", minor=1, features=2**63)
        data = frame(0x01, later.encode()[5:], b"fields of a later minor version")
        assert decode_one(data) == later
        return {"name": "hello-with-later-fields", "type": 1, "message": "Hello", "fields": readable(later),
                "bytes": data.hex()}

    @staticmethod
    def refuse(name: str, data: bytes, codes: tuple) -> dict:
        try:
            Deframer().feed(data)
        except Violation as violation:
            assert violation.code in codes, f"{name}: {violation}"
        else:
            raise AssertionError(f"{name} was not refused")
        return {"name": name, "bytes": data.hex(), "codes": [int(code) for code in codes]}

    @staticmethod
    def ignore(name: str, data: bytes) -> dict:
        assert decode_one(data) is None, name
        return {"name": name, "bytes": data.hex()}
