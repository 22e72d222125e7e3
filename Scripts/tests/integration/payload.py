"""Files to publish, and their digests."""

import hashlib
import os
import random
from pathlib import Path

KIB = 1 << 10
MIB = 1 << 20


def fill(path: Path, byte_count: int, seed: int) -> None:
    """Writes a file of bytes that do not repeat, the same ones for the same seed."""
    source = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for offset in range(0, byte_count, MIB):
            file.write(source.randbytes(min(MIB, byte_count - offset)))


def tree(folder: Path, sizes: dict[str, int], seed: int = 1) -> Path:
    """Makes a folder with these files: path below the folder -> bytes."""
    for number, (name, byte_count) in enumerate(sorted(sizes.items())):
        fill(folder / name, byte_count, seed * 1000 + number)
    return folder


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file below a folder, links read through, by its path with `/`."""
    root = folder.resolve(strict=True)
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                found[path.relative_to(root).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def flip_byte(path: Path, offset: int) -> None:
    """Changes one byte of a file in place, and leaves its size and modification time as they were."""
    before = path.stat()
    path.chmod(0o644)
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x01]))
    path.chmod(before.st_mode & 0o777)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
