"""Finds the detector and the hand-off tests' helpers, and paints what the detector is to find.

Import this first.
"""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path

DETECTOR = Path(__file__).resolve().parents[1]
INFERENCE = DETECTOR.parents[1] / "inference"
sys.path[:0] = [str(DETECTOR), str(INFERENCE), str(INFERENCE / "tests")]

NEEDED = ("numpy", "onnx", "onnxruntime", "PIL")
ABSENT = [module for module in NEEDED if not importlib.util.find_spec(module)]
MISSING = f"needs {', '.join(ABSENT)}" if ABSENT else ""
"""Why the detector cannot be tried here; empty if it can."""

Patch = tuple[str, tuple[int, int, int, int]]
PATCHES: list[Patch] = [
    ("red", (50, 60, 111, 103)),
    ("red", (150, 60, 190, 100)),
    ("green", (300, 100, 500, 250)),
    ("blue", (0, 300, 100, 480)),
]
"""What is in the picture: a colour, and left, top, right, bottom."""

WIDTH, HEIGHT = 600, 480
COLOURS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}

if not MISSING:
    import numpy
    from PIL import Image

    def picture(patches: list[Patch] = PATCHES) -> numpy.ndarray:
        """A dark picture, uint8 [480, 600, 3], with bright patches."""
        pixels = numpy.full((HEIGHT, WIDTH, 3), 30, numpy.uint8)
        for colour, (left, top, right, bottom) in patches:
            pixels[top:bottom, left:right] = COLOURS[colour]
        return pixels

    def encoded(pixels: numpy.ndarray, kind: str) -> bytes:
        """A picture as a file, ``PNG`` or ``JPEG``."""
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        return file.getvalue()
