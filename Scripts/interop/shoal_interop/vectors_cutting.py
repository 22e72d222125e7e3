"""The vectors of cutting.json: files, described so that a few bytes stand for many, and the lengths of their chunks."""

import json
import struct

from .cutting import GEAR, Sizes, cut, split_mix

SMALL = Sizes(64, 256, 512)
USUAL = Sizes(8_192, 16_384, 24_576)


def random(seed: int, count: int) -> dict:
    """Bytes of SplitMix64, each number little-endian."""
    return {"random": seed, "bytes": count}


def zeros(count: int) -> dict:
    return {"zeros": count}


def raw(content: bytes) -> dict:
    return {"hex": content.hex()}


def content_of(pieces: list) -> bytes:
    return b"".join(map(piece_bytes, pieces))


def piece_bytes(piece: dict) -> bytes:
    if "hex" in piece:
        return bytes.fromhex(piece["hex"])
    if "zeros" in piece:
        return bytes(piece["zeros"])
    words = -(-piece["bytes"] // 8)
    numbers = [number for number, _ in zip(split_mix(piece["random"]), range(words))]
    return struct.pack(f"<{words}Q", *numbers)[: piece["bytes"]]


def safetensors(header: object, data: list, padding: bytes = b"") -> list:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return [raw(struct.pack("<Q", len(text + padding)) + text + padding), *data]


def tensor(begin: int, end: int) -> dict:
    return {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}


def gguf_string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def gguf(pairs: list, tensors: list, data: list, version: int = 3, alignment: int = 32) -> list:
    """`pairs`: name and (type, encoded value); `tensors`: name, dimensions, offset."""
    header = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    for name, (kind, value) in pairs:
        header += gguf_string(name) + struct.pack("<I", kind) + value
    for name, dimensions, offset in tensors:
        header += gguf_string(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, 0, offset)
    return [raw(header + bytes(-len(header) % alignment)), *data]


class CuttingVectors:
    def build(self) -> dict:
        return {
            "format": 1, "gear": [f"{number:016x}" for number in GEAR], "sizes": self.sizes(),
            "inherited": self.inherited(),
            "files": self.opaque() + self.safetensors() + self.refused_safetensors() + self.gguf(),
        }

    @staticmethod
    def sizes() -> list:
        totals = [0, 1, 3_200 << 14, (3_200 << 14) + 1, 3_200 << 20, 512 << 30, (512 << 30) + 1, 1 << 42]
        return [{"bytes": total, "chunkSizes": listed(Sizes.for_version(total))} for total in totals]

    @staticmethod
    def inherited() -> list:
        cases = [
            (USUAL, 4 * (3_200 << 14)), (USUAL, 4 * (3_200 << 14) + 1),
            (Sizes(1 << 18, 1 << 20, 2 << 20), 3_200 << 18), (Sizes(1 << 18, 1 << 20, 2 << 20), 3_200 << 17),
            (Sizes(100, 20_000, 70_000), 1 << 20), (Sizes(100, 16_384, 70_000), 1 << 20),
            (Sizes(16_384, 16_384, 16_384), 1 << 20), (Sizes(63, 16_384, 16_384), 1 << 20),
            (Sizes(1 << 16, 1 << 18, 1 << 19), 128 << 30), (Sizes(1 << 16, 1 << 18, 1 << 19), (128 << 30) + (1 << 18)),
            (Sizes(1 << 20, 4 << 20, 8 << 20), 1 << 40),
        ]
        return [
            {"parent": listed(parent), "bytes": total, "chunkSizes": listed(parent.inherited(total))}
            for parent, total in cases
        ]

    def entry(self, name: str, sizes: Sizes, pieces: list) -> dict:
        content = content_of(pieces)
        lengths = cut(content, sizes)
        assert sum(lengths) == len(content) and 0 not in lengths, name
        return {
            "name": name, "chunkSizes": listed(sizes), "pieces": pieces, "bytes": len(content), "chunks": lengths,
        }

    def opaque(self) -> list:
        around = [random(1, 300_000)]
        return [
            self.entry("empty", USUAL, []), self.entry("one-byte", USUAL, [raw(b"x")]),
            self.entry("of-the-smallest-size", USUAL, [random(2, 8_192)]),
            self.entry("random", USUAL, around),
            self.entry("random-with-a-byte-before", USUAL, [raw(b"x"), *around]),
            self.entry("random-with-a-run-inside", USUAL, [random(1, 100_000), zeros(100_000), random(3, 100_000)]),
            self.entry("zeros", USUAL, [zeros(100_001)]), self.entry("small-chunks", SMALL, [random(4, 20_000)]),
            self.entry("one-size-only", Sizes(256, 256, 256), [random(5, 1_000)]),
            self.entry("average-is-no-power-of-two", Sizes(100, 300, 5_000), [random(6, 10_000)]),
            self.entry("largest-is-average", Sizes(64, 256, 256), [random(7, 5_000)]),
        ]

    def safetensors(self) -> list:
        packed = {f"t{number}": tensor(number * 50, number * 50 + 50) for number in range(30)}
        mixed = {
            "__metadata__": {"format": "pt"}, "large": tensor(0, 1_000), "small": tensor(1_000, 1_010),
            "empty": tensor(1_010, 1_010), "exact": tensor(1_010, 1_266), "last": tensor(1_266, 1_300),
        }
        escaped = b'{"a": {"\\u0064ata_offsets": [100, 600]}}'
        unicode = '{"\u00e9": {"data_offsets": [0, 300], "x": [{}, -1.5e+3, true, null, "\\ud800"]}}'.encode()
        long = {"__metadata__": {"x": "0123456789" * 300}, "a": tensor(0, 600)}
        twice = b'{"a": {"data_offsets": [0, 100]}, "a": {"data_offsets": [100, 400]}}'
        return [
            self.entry("safetensors-of-small-tensors", SMALL, safetensors(packed, [random(10, 1_500)])),
            self.entry("safetensors-mixed", SMALL, safetensors(mixed, [random(11, 1_300)])),
            self.entry("safetensors-padded", SMALL, safetensors(mixed, [random(11, 1_300)], b" \n\t\r  ")),
            self.entry("safetensors-escaped-name", SMALL, safetensors(escaped, [random(12, 600)])),
            self.entry("safetensors-other-members", SMALL, safetensors(unicode, [random(13, 300)])),
            self.entry("safetensors-long-header", SMALL, safetensors(long, [random(14, 600)])),
            self.entry("safetensors-name-twice", SMALL, safetensors(twice, [random(15, 400)])),
            self.entry("safetensors-no-tensor", SMALL, safetensors({}, [random(16, 700)])),
            self.entry("safetensors-header-only", SMALL, safetensors({}, [])),
            self.entry("safetensors-more-data", SMALL, safetensors({"a": tensor(0, 10)}, [random(17, 900)])),
            self.entry("safetensors-sixteen-deep", SMALL, safetensors(nested(16), [random(18, 300)])),
        ]

    def refused_safetensors(self) -> list:
        def with_offsets(text: str) -> bytes:
            return f'{{"a": {{"data_offsets": {text}}}}}'.encode()

        texts = {
            "seventeen-deep": nested(17), "offsets-missing": b'{"a": {}}', "offsets-no-object": b'{"a": [0, 1]}',
            "offsets-twice": b'{"a": {"data_offsets": [0, 1], "data_offsets": [0, 1]}}',
            "one-offset": with_offsets("[0]"), "three-offsets": with_offsets("[0, 1, 2]"),
            "offsets-backwards": with_offsets("[2, 1]"), "offset-beyond-the-data": with_offsets("[0, 701]"),
            "offset-signed": with_offsets("[-0, 1]"), "offset-fraction": with_offsets("[0.0, 1]"),
            "offset-exponent": with_offsets("[0, 1e0]"), "offset-leading-zero": with_offsets("[00, 1]"),
            "offset-beyond-64-bits": with_offsets("[0, 18446744073709551616]"),
            "offset-text": with_offsets('["0", 1]'), "an-array": b"[]", "not-ended": b'{"a": ', "comma": b'{"a": 1,}',
            "more-after-it": b"{} {}", "no-utf-8": b'{"__metadata__": {"a": "\xff"}}',
            "control-byte": b'{"__metadata__": {"a": "\x01"}}', "nan": b'{"__metadata__": NaN}',
            "bad-escape": b'{"__metadata__": {"a": "\\x"}}', "byte-order-mark": b"\xef\xbb\xbf{}",
        }
        entries = [
            self.entry(f"opaque-{name}", SMALL, safetensors(text, [random(20, 700)])) for name, text in texts.items()
        ]
        beyond = struct.pack("<Q", 100) + b"{}"
        return entries + [self.entry("opaque-header-beyond-the-file", SMALL, [raw(beyond), random(21, 97)])]

    def gguf(self) -> list:
        u32 = lambda number: (4, struct.pack("<I", number))  # noqa: E731
        array = (9, struct.pack("<IQ", 8, 2) + gguf_string(b"ab") + gguf_string(b""))
        deep = b"".join(struct.pack("<IQ", 9, 1) for _ in range(3)) + struct.pack("<IQ", 4, 1) + bytes(4)
        pairs = [
            (b"general.name", (8, gguf_string(b"tiny"))), (b"tokens", array), (b"deep", (9, deep)),
            (b"numbers", (9, struct.pack("<IQ", 6, 3) + bytes(12))), (b"flag", (7, b"\1")),
        ]
        tensors = [(b"a", [100, 10], 0), (b"b", [10], 1_024), (b"c", [4, 4], 1_088)]
        data = [random(30, 1_200)]
        aligned = [(b"general.alignment", u32(64))]
        deeper = struct.pack("<IQ", 9, 1) + deep
        return [
            self.entry("gguf", SMALL, gguf(pairs, tensors, data)),
            self.entry("gguf-version-2", SMALL, gguf(pairs, tensors, data, version=2)),
            self.entry("gguf-aligned", SMALL, gguf(aligned + pairs, tensors, data, alignment=64)),
            self.entry("gguf-empty", SMALL, gguf([], [], [])),
            self.entry("opaque-gguf-version-1", SMALL, gguf(pairs, tensors, data, version=1)),
            self.entry("opaque-gguf-version-4", SMALL, gguf(pairs, tensors, data, version=4)),
            self.entry("opaque-gguf-alignment", SMALL, gguf([(b"general.alignment", u32(48))], tensors, data)),
            self.entry(
                "opaque-gguf-alignment-type", SMALL, gguf([(b"general.alignment", (10, bytes(8)))], tensors, data)
            ),
            self.entry("opaque-gguf-type", SMALL, gguf([(b"x", (13, b""))], tensors, data)),
            self.entry("opaque-gguf-too-deep", SMALL, gguf([(b"x", (9, deeper))], tensors, data)),
            self.entry("opaque-gguf-offset", SMALL, gguf(pairs, [(b"a", [1], 1_201)], data)),
            self.entry("opaque-gguf-dimensions", SMALL, gguf(pairs, [(b"a", [1] * 9, 0)], data)),
            self.entry(
                "opaque-gguf-cut-off", SMALL, [raw(b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1)), random(31, 900)]
            ),
        ]


def nested(depth: int) -> bytes:
    """An object with an array in an array, `depth` deep in all."""
    return b'{"__metadata__": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def listed(sizes: Sizes) -> list:
    return [sizes.smallest, sizes.average, sizes.largest]
