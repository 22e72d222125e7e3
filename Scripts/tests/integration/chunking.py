"""Where the second implementation cuts a file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "interop" / "shoal_interop"))

from cutting import Sizes, cut  # noqa: E402


def chunk_at(path: Path, offset: int, total: int) -> int:
    """The bytes of the chunk that holds an offset of a file, in a version of `total` bytes without a parent."""
    position = 0
    for length in cut(path.read_bytes(), Sizes.for_version(total)):
        position += length
        if offset < position:
            return length
    raise AssertionError(f"{path} has no byte {offset}")
