"""The table of chunks (documents.md, section 5), and cutting files into one."""

from dataclasses import dataclass

from .elements import CHUNK_BYTES_FIXED_MIN, CHUNK_BYTES_MAX, Reader, Refused, Writer, read_format
from .documents import CHUNKS_MAX, BY_CONTENT, FIXED, FILES_MAX, File, Manifest, Variant
from .envelope import LAYOUT_BYTES_MAX, digest_of
from .keys import sha256

DOMAIN = "shoal/1 layout"


@dataclass(frozen=True)
class Chunk:
    sha256: bytes
    length: int


@dataclass(frozen=True)
class Layout:
    """`files` has, per file of the manifest in its order, the tuple of its chunks' indices."""

    chunks: tuple
    files: tuple

    @property
    def digest(self) -> bytes:
        return digest_of(DOMAIN, self.encode())

    def encode(self) -> bytes:
        writer = Writer().u16(1).u32(len(self.chunks))
        for chunk in self.chunks:
            writer.bytes(chunk.sha256).u32(chunk.length)
        writer.u32(len(self.files))
        for indices in self.files:
            writer.u32(len(indices))
            for index in indices:
                writer.u32(index)
        return writer.done()

    @staticmethod
    def decode(data: bytes) -> "Layout":
        if len(data) > LAYOUT_BYTES_MAX:
            raise Refused("tooLarge", f"a layout of {len(data)} bytes")
        reader = Reader(data)
        read_format(reader)
        count = reader.ranged(4, 0, CHUNKS_MAX[BY_CONTENT], "chunks")
        require_room(reader, count, 36)
        chunks = tuple(
            Chunk(reader.bytes(32), reader.ranged(4, 1, CHUNK_BYTES_MAX, "chunk bytes")) for _ in range(count)
        )
        if len({chunk.sha256 for chunk in chunks}) != count:
            raise Refused("duplicateChunk")
        files = []
        used = 0
        for _ in range(reader.ranged(4, 0, FILES_MAX, "files")):
            indices = []
            length = reader.u32()
            require_room(reader, length, 4)
            for _ in range(length):
                index = reader.u32()
                if index > used or index >= count:
                    raise Refused("notCanonical", f"index {index} where at most {used} may come, of {count}")
                used = max(used, index + 1)
                indices.append(index)
            files.append(tuple(indices))
        reader.end()
        if used != count:
            raise Refused("notCanonical", f"{count - used} chunks are not used")
        return Layout(chunks, tuple(files))

    def check(self, manifest: Manifest) -> None:
        """That it is the layout of this manifest."""
        encoded = self.encode()
        if digest_of(DOMAIN, encoded) != manifest.layout_digest:
            raise Refused("digestMismatch", "the layout is another one")
        if len(encoded) != manifest.layout_bytes or len(self.chunks) != manifest.layout_chunks:
            raise Refused("layoutMismatch", "the manifest names another count of bytes or chunks")
        files = manifest.files
        if len(files) != len(self.files):
            raise Refused("layoutMismatch", f"{len(self.files)} files, the manifest has {len(files)}")
        for file, indices in zip(files, self.files):
            total = sum(self.chunks[index].length for index in indices)
            if total != file.bytes:
                raise Refused("layoutMismatch", f"{file.path} has {file.bytes} bytes, its chunks {total}")
            self._check_lengths(manifest, file, [self.chunks[index].length for index in indices])

    @staticmethod
    def _check_lengths(manifest: Manifest, file: File, lengths: list) -> None:
        largest = manifest.chunk_sizes[2]
        if any(length > largest for length in lengths):
            raise Refused("layoutMismatch", f"{file.path} has a chunk above the largest size")
        if manifest.algorithm == FIXED and any(length != largest for length in lengths[:-1]):
            raise Refused("layoutMismatch", f"{file.path} has a chunk before its last that is not of the chunk size")


def require_room(reader: Reader, count: int, width: int) -> None:
    if count * width > reader.left:
        raise Refused("truncated", f"{count} entries of {width} bytes, {reader.left} bytes left")


def fixed_chunk_bytes(total: int) -> int:
    """The size that a publisher chooses for files of `total` bytes together."""
    size = CHUNK_BYTES_FIXED_MIN
    while size < CHUNK_BYTES_MAX and size * 2_048 < total:
        size *= 2
    return size


@dataclass(frozen=True)
class Version:
    """A version with its data: the signed manifest, the layout and the chunks by index."""

    manifest: Manifest
    envelope: object
    layout: Layout
    chunks: tuple

    @property
    def digest(self) -> bytes:
        return self.envelope.digest

    def file_bytes(self, position: int) -> bytes:
        return b"".join(self.chunks[index] for index in self.layout.files[position])


def cut(variants: dict, chunk_bytes: int | None = None) -> tuple:
    """(variants of the manifest, layout, chunks, chunk size) for {variant name: {path: content}}."""
    total = sum(len(content) for files in variants.values() for content in files.values())
    size = chunk_bytes or fixed_chunk_bytes(total)
    table: dict = {}
    chunks, indices_of_files, entries = [], [], []
    for name, files in sorted(variants.items()):
        listed = []
        for path, content in sorted(files.items(), key=lambda item: item[0].encode()):
            indices = []
            for at in range(0, len(content), size):
                piece = bytes(content[at : at + size])
                digest = sha256(piece)
                if digest not in table:
                    table[digest] = len(chunks)
                    chunks.append(piece)
                indices.append(table[digest])
            indices_of_files.append(tuple(indices))
            listed.append(File(path, len(content), sha256(content)))
        entries.append(Variant(name, tuple(listed)))
    layout = Layout(tuple(Chunk(sha256(piece), len(piece)) for piece in chunks), tuple(indices_of_files))
    return tuple(entries), layout, tuple(chunks), size


def make_version(model: str, tag: str, number: int, variants: dict, keys: list, **more) -> Version:
    """Cuts the files and signs the manifest. `more`: created, parent, lineage, gates, chunk_bytes."""
    entries, layout, chunks, size = cut(variants, more.pop("chunk_bytes", None))
    manifest = Manifest(
        model=model, tag=tag, publish_number=number, created=more.pop("created", 0), algorithm=FIXED,
        chunk_sizes=(size, size, size), layout_digest=layout.digest, layout_bytes=len(layout.encode()),
        layout_chunks=len(chunks), variants=entries, **more,
    )
    return Version(manifest, manifest.envelope(*keys), layout, chunks)
