"""What the tests' inference processes and servers answer instead of what a model would: a function of the bytes of a
version's file, so that an answer of another version, or of half of one, shows."""

import hashlib

FILE = "model.bin"
BROKEN = b"broken"
DEADLY = b"deadly"


def embedding(content: bytes, text: str) -> list[float]:
    """Eight numbers that no other content gives for this text."""
    return [byte / 255 + 0.01 for byte in hashlib.sha256(content + text.encode()).digest()[:8]]
