"""Where a file is cut (documents.md, section 8). Written for clearness; it takes seconds for a mebibyte or two."""

import json
import struct
from dataclasses import dataclass

HEADER_BYTES_MAX = 16 << 20
DEPTH_MAX = 16
CHUNKS_MAX = 1_048_576
SPLIT_MIX_SEED = int.from_bytes(b"Shoal/1 ", "big")
WORD = (1 << 64) - 1


@dataclass(frozen=True)
class Sizes:
    smallest: int
    average: int
    largest: int

    @staticmethod
    def for_version(total: int) -> "Sizes":
        average = 16 << 10
        while average < 1 << 20 and average * 3_200 < total:
            average *= 2
        if total > 512 << 30:
            average = 2 << 20
        return Sizes(average // 2, average, average // 2 * 3)

    def inherited(self, total: int) -> "Sizes":
        fitting = Sizes.for_version(total)
        near = fitting.average <= 4 * self.average and self.average <= 4 * fitting.average
        power = self.average & (self.average - 1) == 0
        fits = self.smallest >= 64 and self.largest <= 4 << 20 and total // self.average <= CHUNKS_MAX // 2
        return self if near and power and fits else fitting


class NotTensors(Exception):
    """The file is cut by its content. Says why."""


def split_mix(seed: int):
    """The numbers of SplitMix64, without end."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & WORD
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & WORD
        yield mixed ^ (mixed >> 31)


GEAR = [number for number, _ in zip(split_mix(SPLIT_MIX_SEED), range(256))]


def cut(data: bytes, sizes: Sizes) -> list:
    """The lengths of the chunks of a file."""
    try:
        header, begins = tensors(data)
    except NotTensors:
        return cut_by_content(data, sizes)
    if header <= sizes.largest:
        lengths = [header]
    else:
        lengths = cut_by_content(data[:header], sizes)
    return lengths + pack(regions(header, begins, len(data)), sizes.largest)


def regions(header: int, begins: list, size: int) -> list:
    edges = sorted({begin for begin in [header, *begins] if begin < size}) + [size]
    return [end - begin for begin, end in zip(edges, edges[1:])]


def pack(lengths: list, largest: int) -> list:
    chunks, open_pack = [], 0
    for length in lengths:
        if open_pack and (length >= largest or open_pack + length > largest):
            chunks.append(open_pack)
            open_pack = 0
        if length < largest:
            open_pack += length
            continue
        chunks += [largest] * (length // largest)
        if length % largest:
            chunks.append(length % largest)
    return chunks + [open_pack] if open_pack else chunks


def cut_by_content(data: bytes, sizes: Sizes) -> list:
    bits = sizes.average.bit_length() - 1
    before, after = 1 << (64 - bits), 1 << (64 - bits + 2)
    lengths, start = [], 0
    while start < len(data):
        length = content_chunk(data, start, sizes, before, after)
        lengths.append(length)
        start += length
    return lengths


def content_chunk(data: bytes, start: int, sizes: Sizes, before: int, after: int) -> int:
    end = min(len(data) - start, sizes.largest)
    value = 0
    for length in range(1, end):
        value = (2 * value + GEAR[data[start + length - 1]]) & WORD
        threshold = before if length < sizes.average else after
        if length > sizes.smallest and value < threshold:
            return length
    return end


def tensors(data: bytes) -> tuple:
    """(bytes of the header, where tensors begin)."""
    return gguf_tensors(data) if data[:4] == b"GGUF" else safetensors_tensors(data)


class Number(str):
    """A number as it was written."""


class Members(list):
    """An object as (name, value) pairs; names may repeat."""


def safetensors_tensors(data: bytes) -> tuple:
    if len(data) < 9:
        raise NotTensors("too short")
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(HEADER_BYTES_MAX, len(data) - 8):
        raise NotTensors(f"a header of {length} bytes")
    room = len(data) - 8 - length
    begins = []
    for name, value in strict_object(data[8 : 8 + length]):
        if name != "__metadata__":
            begins.append(8 + length + tensor_begin(value, room))
    return 8 + length, begins


def strict_object(text: bytes) -> Members:
    def refuse(constant):
        raise ValueError(constant)

    try:
        value = json.loads(
            text.decode("utf-8"), object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=refuse
        )
    except (ValueError, RecursionError) as error:
        raise NotTensors(str(error)) from error
    if not isinstance(value, Members) or depth(value) > DEPTH_MAX:
        raise NotTensors("no object, or too deep")
    return value


def depth(value) -> int:
    if isinstance(value, Members):
        return 1 + max((depth(entry) for _, entry in value), default=0)
    if isinstance(value, list):
        return 1 + max((depth(entry) for entry in value), default=0)
    return 0


def tensor_begin(value, room: int) -> int:
    places = [entry for name, entry in value if name == "data_offsets"] if isinstance(value, Members) else []
    if len(places) != 1 or not isinstance(places[0], list) or isinstance(places[0], Members) or len(places[0]) != 2:
        raise NotTensors("no data_offsets")
    if not all(isinstance(number, Number) and number.isdecimal() for number in places[0]):
        raise NotTensors("offsets that are no plain integers")
    begin, end = map(int, places[0])
    if not begin <= end <= room:
        raise NotTensors("offsets out of range")
    return begin


class GGUFReader:
    WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def __init__(self, data: bytes):
        self.data = data[:HEADER_BYTES_MAX]
        self.at = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise NotTensors("the header does not end")
        self.at += count
        return self.data[self.at - count : self.at]

    def u32(self) -> int:
        return struct.unpack("<I", self.take(4))[0]

    def u64(self) -> int:
        return struct.unpack("<Q", self.take(8))[0]

    def string(self) -> bytes:
        return self.take(self.u64())

    def skip(self, kind: int, depth_left: int = 4) -> None:
        if kind in self.WIDTHS:
            self.take(self.WIDTHS[kind])
        elif kind == 8:
            self.string()
        elif kind == 9 and depth_left > 0:
            inner, count = self.u32(), self.u64()
            if inner in self.WIDTHS:
                self.take(self.WIDTHS[inner] * count)
                return
            for _ in range(count):
                self.skip(inner, depth_left - 1)
        else:
            raise NotTensors(f"a value of type {kind}")


def gguf_tensors(data: bytes) -> tuple:
    reader = GGUFReader(data)
    reader.take(4)
    if reader.u32() not in (2, 3):
        raise NotTensors("another version")
    tensor_count, pair_count = reader.u64(), reader.u64()
    alignment = 32
    for _ in range(pair_count):
        name, kind = reader.string(), reader.u32()
        if name != b"general.alignment":
            reader.skip(kind)
            continue
        alignment = reader.u32() if kind == 4 else 0
        if alignment.bit_count() != 1 or alignment > 65_536:
            raise NotTensors("the alignment")
    offsets = [gguf_offset(reader) for _ in range(tensor_count)]
    header = -(-reader.at // alignment) * alignment
    if header > min(len(data), HEADER_BYTES_MAX) or any(offset > len(data) - header for offset in offsets):
        raise NotTensors("beyond the file")
    return header, [header + offset for offset in offsets]


def gguf_offset(reader: GGUFReader) -> int:
    reader.string()
    dimensions = reader.u32()
    if dimensions > 8:
        raise NotTensors(f"{dimensions} dimensions")
    reader.take(8 * dimensions + 4)
    return reader.u64()
