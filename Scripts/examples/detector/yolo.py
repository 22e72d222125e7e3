"""What comes before and after a model with the interface of YOLOv8: letterbox, reading the output, suppression.

The interface: ``images``, float32 [1, 3, 640, 640], RGB from 0 to 1, in; ``output0``, float32 [1, 4 + classes, 8400],
out. Of each of the 8400 candidates, the rows are centre x, centre y, width, height, in pixels of the input, and then
one score for each class, from 0 to 1.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy
from PIL import Image

from shoal_runtime import LoadError

if TYPE_CHECKING:
    from shoal_runtime.loaders import ArrayModel, Port

SIZE = 640
PADDING = 114
SCORE_MIN = 0.25
OVERLAP_MAX = 0.45
CANDIDATES_MAX = 1000
DETECTIONS_MAX = 300


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in a model's input: ``input = picture * scale + offset``, in pixels, as (x, y)."""

    scale: tuple[float, float]
    offset: tuple[int, int]
    picture: tuple[int, int]
    """The picture's width and height."""


@dataclass(frozen=True)
class Detection:
    """One thing that was found."""

    index: int
    """Of its class."""
    score: float
    box: tuple[float, float, float, float]
    """Left, top, right, bottom, in pixels of the picture, within it."""


def require_interface(model: "ArrayModel") -> None:
    """``LoadError`` for a model whose interface is another one; the agent is told why, and nothing is switched."""
    wanted = [("input", model.inputs, "images", (1, 3, SIZE, SIZE)), ("output", model.outputs, "output0", (1, 0, 0))]
    for kind, ports, name, shape in wanted:
        if len(ports) != 1 or ports[0].name != name or not _fits(ports[0], shape):
            told = ", ".join(f"{port.name} {port.dtype} {port.shape}" for port in ports)
            raise LoadError(f"YOLOv8 has one {kind}, {name}; this model has {told}", code="unsupported_format")


def _fits(port: "Port", shape: tuple[int, ...]) -> bool:
    """Whether a port may have a shape, in which 0 stands for anything."""
    if port.dtype != "float32" or port.shape is None or len(port.shape) != len(shape):
        return False
    return all(size is None or wanted in (0, size) for size, wanted in zip(port.shape, shape))


def class_names(model: "ArrayModel") -> dict[int, str]:
    """The names of the classes, which exporters leave in the metadata as a dict in text; empty if they did not."""
    try:
        names = ast.literal_eval(model.metadata.get("names", "{}"))
        return {int(index): str(name) for index, name in names.items()}
    except (ValueError, SyntaxError, TypeError, AttributeError, RecursionError, MemoryError):
        return {}


def letterbox(picture: numpy.ndarray) -> tuple[numpy.ndarray, Placement]:
    """A picture, uint8 [height, width, 3], as a model's input: scaled to fit, centred, the rest grey."""
    height, width = picture.shape[:2]
    scale = min(SIZE / width, SIZE / height)
    scaled_width, scaled_height = max(1, round(width * scale)), max(1, round(height * scale))
    if (scaled_width, scaled_height) != (width, height):
        scaled = Image.fromarray(picture).resize((scaled_width, scaled_height), Image.Resampling.BILINEAR)
        picture = numpy.asarray(scaled)
    left, top = (SIZE - scaled_width) // 2, (SIZE - scaled_height) // 2
    canvas = numpy.full((SIZE, SIZE, 3), PADDING, numpy.uint8)
    canvas[top : top + scaled_height, left : left + scaled_width] = picture
    images = numpy.ascontiguousarray(canvas.transpose(2, 0, 1)[None], numpy.float32) / numpy.float32(255)
    return images, Placement((scaled_width / width, scaled_height / height), (left, top), (width, height))


def detections(output: numpy.ndarray, placement: Placement) -> list[Detection]:
    """What a model's output, float32 [1, 4 + classes, candidates], says is in the picture; the surest first."""
    candidates = output[0].T
    scores = candidates[:, 4:].max(axis=1)
    chosen = numpy.flatnonzero(scores >= SCORE_MIN)
    chosen = chosen[numpy.argsort(-scores[chosen], kind="stable")][:CANDIDATES_MAX]
    classes = candidates[chosen, 4:].argmax(axis=1)
    boxes = _in_picture(candidates[chosen, :4], placement)
    kept = suppress(boxes, classes)[:DETECTIONS_MAX]
    return [_detection(int(classes[place]), float(scores[chosen[place]]), boxes[place]) for place in kept]


def _detection(index: int, score: float, edges: numpy.ndarray) -> Detection:
    left, top, right, bottom = (float(edge) for edge in edges)
    return Detection(index, score, (left, top, right, bottom))


def _in_picture(centred: numpy.ndarray, placement: Placement) -> numpy.ndarray:
    """Boxes [n, 4] as centre and size in the input, to edges in the picture."""
    half = centred[:, 2:] / 2
    offset = numpy.array(placement.offset * 2, numpy.float32)
    edges = numpy.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1) - offset
    return numpy.clip(edges / numpy.array(placement.scale * 2, numpy.float32), 0, placement.picture * 2)


def suppress(boxes: numpy.ndarray, classes: numpy.ndarray) -> list[int]:
    """Which of the boxes, [n, 4] as edges, the surest first, stay: those that do not overlap a surer one of the same
    class by more than ``OVERLAP_MAX`` (intersection over union)."""
    kept: list[int] = []
    left = numpy.arange(len(boxes))
    while left.size:
        best, rest = int(left[0]), left[1:]
        kept.append(best)
        is_same = (classes[rest] == classes[best]) & (overlap(boxes[best], boxes[rest]) > OVERLAP_MAX)
        left = rest[~is_same]
    return kept


def overlap(box: numpy.ndarray, boxes: numpy.ndarray) -> numpy.ndarray:
    """Intersection over union of one box with each of [n, 4]; 0 where both are empty."""
    sides = numpy.minimum(box[2:], boxes[:, 2:]) - numpy.maximum(box[:2], boxes[:, :2])
    common: numpy.ndarray = numpy.clip(sides, 0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - common
    shares: numpy.ndarray = common / numpy.maximum(union, 1e-9)
    return shares
