"""Pictures from the bodies of requests."""

from __future__ import annotations

import io

import numpy
from PIL import Image

from shoal_runtime.http_front import HTTPRefusal, Upload

PIXELS_MAX = 32_000_000
FORMATS = ("PNG", "JPEG")
RAW = "application/octet-stream"


def picture_of(upload: Upload) -> numpy.ndarray:
    """The picture that was sent, uint8 [height, width, 3], RGB.

    A body of the type ``application/octet-stream`` is the array itself, row after row, with ``width`` and ``height``
    in the query; any other is a PNG or a JPEG. ``HTTPRefusal`` says what is wrong with it.
    """
    return _raw(upload) if upload.content_type == RAW and upload.query else _decoded(upload.body)


def _raw(upload: Upload) -> numpy.ndarray:
    width, height = (_side(upload, name) for name in ("width", "height"))
    if width * height > PIXELS_MAX or len(upload.body) != 3 * width * height:
        raise HTTPRefusal(400, f"{width} x {height} RGB pixels have {3 * width * height} bytes, not {len(upload.body)}")
    return numpy.frombuffer(upload.body, numpy.uint8).reshape(height, width, 3)


def _side(upload: Upload, name: str) -> int:
    text = upload.query.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 6 or int(text) == 0:
        raise HTTPRefusal(400, f"{name} in the query must be a number of pixels")
    return int(text)


def _decoded(body: bytes) -> numpy.ndarray:
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as image:
            if image.width * image.height > PIXELS_MAX:  # Known before anything is unpacked.
                raise HTTPRefusal(413, f"a picture of more than {PIXELS_MAX} pixels")
            return numpy.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise HTTPRefusal(400, f"the body is no PNG or JPEG: {error}") from None
