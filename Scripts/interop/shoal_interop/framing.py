"""The frames around the messages of `shoal/1` (wire.md, section 2): lengths first, then the body; strict."""

from .elements import Refused
from .envelope import ENVELOPE_BYTES_MAX
from .violations import Code, Violation
from .wire import BITMAP_BYTES_MAX, MESSAGES, MODEL_BYTES_MAX, PAYLOAD_BYTES_MAX, FrameReader

FRAME_BYTES_MAX = 66_560
NAME_BYTES_MAX = 2 + MODEL_BYTES_MAX
ENTRY_BYTES_MAX = 16 + 1 + 19 + 1 + 16 * NAME_BYTES_MAX
# The least and the most bytes of each body. Where both are equal, another length is `malformed`.
BODY_BYTES = {
    0x01: (30, FRAME_BYTES_MAX - 1), 0x02: (2, 2 + 256 * NAME_BYTES_MAX), 0x03: (1, FRAME_BYTES_MAX - 1), 0x04: (8, 8),
    0x05: (8, 8), 0x06: (4, 260), 0x10: (1, 1 + ENVELOPE_BYTES_MAX[1]), 0x11: (0, 0), 0x12: (6, 4 + NAME_BYTES_MAX),
    0x13: (6, 6 + 512 * 32), 0x14: (37, 37), 0x15: (13, 12 + PAYLOAD_BYTES_MAX), 0x16: (5, 5),
    0x17: (20, 18 + NAME_BYTES_MAX), 0x18: (17, 17 + 16 * ENTRY_BYTES_MAX), 0x20: (41, 41 + BITMAP_BYTES_MAX),
    0x21: (38, 34 + 4_096), 0x22: (38, 34 + 4_096), 0x23: (32, 32), 0x24: (36, 36), 0x25: (52, 52), 0x26: (40, 40),
    0x27: (4, 4), 0x28: (9, 8 + PAYLOAD_BYTES_MAX), 0x29: (9, 9), 0x2A: (36, 36), 0x30: (4, 4),
    0x31: (7, 6 + 2_048), 0x80: (9, 9), 0x81: (30, 2 + 28 * 512), 0x82: (19, 2 + 17 * 64),
    0x83: (9, 8 + 4_096 + 2_048),
}


def require_length(number: int, count: int) -> None:
    """That a body of this type may have so many bytes, found before it is read. Raises Violation."""
    if number not in BODY_BYTES:
        if number < 0x80:
            raise Violation(Code.UNSUPPORTED, f"frame type {number:#04x}")
        return
    least, most = BODY_BYTES[number]
    if not least <= count <= most:
        large = count > most and least != most
        raise Violation(Code.TOO_LARGE if large else Code.MALFORMED, f"a body of {count} bytes, type {number:#04x}")


def violation_of(refused: Refused) -> Violation:
    return Violation(Code.TOO_LARGE if refused.reason == "tooLarge" else Code.MALFORMED, str(refused))


def decode_body(number: int, body: bytes):
    """A message, or None for an unknown type that must be ignored. Raises Violation."""
    if number not in MESSAGES:
        if number >= 0x80:
            return None
        raise Violation(Code.UNSUPPORTED, f"frame type {number:#04x}")
    reader = FrameReader(body)
    try:
        decoded = MESSAGES[number].read(reader)
        reader.end()
        return decoded
    except Refused as refused:
        raise violation_of(refused) from None


class Deframer:
    """Cuts a stream into messages; a length is checked as soon as it is there, before the frame is."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data: bytes) -> list:
        """The messages that are complete now (None for each that is to be ignored). Raises Violation."""
        return list(self.messages(data))

    def messages(self, data: bytes):
        """As `feed`, but one by one, so that what came before a violation is seen."""
        self.buffer += data
        while len(self.buffer) >= 4:
            length = int.from_bytes(self.buffer[:4], "big")
            if length > FRAME_BYTES_MAX:
                raise Violation(Code.TOO_LARGE, f"a frame of {length} bytes")
            if length == 0:
                raise Violation(Code.MALFORMED, "a frame without a type")
            if len(self.buffer) >= 5:
                require_length(self.buffer[4], length - 1)
            if len(self.buffer) < 4 + length:
                break
            frame = bytes(self.buffer[4 : 4 + length])
            del self.buffer[: 4 + length]
            yield decode_body(frame[0], frame[1:])


def decode_one(data: bytes):
    """Exactly one frame that uses all the bytes; anything else raises Violation."""
    deframer = Deframer()
    decoded = deframer.feed(data)
    if len(decoded) != 1 or deframer.buffer:
        raise Violation(Code.MALFORMED, "not one whole frame")
    return decoded[0]
