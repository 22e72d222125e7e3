"""A hand-made detector with the interface of YOLOv8: it finds bright patches of red, green and blue.

Nothing in it was trained. It exists because its interface, its anchor grid (80² + 40² + 20² cells) and the way its
answers are read are those of an exported YOLOv8, and because what it must find in a picture is known beforehand::

    images   float32 [1, 3, 640, 640], RGB, 0 to 1
    output0  float32 [1, 4 + 3, 8400]: centre x, centre y, width, height in pixels, then a score for each class

How: a 1x1 convolution turns the picture into one mask for each colour. Each head cuts the masks into cells and counts,
from each cell, how far the patch that it is in goes left, right, up and down: the sum over k of the least of the next
k cells, which is a pooling. All cells that lie wholly within a patch then name the same box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = ("red", "green", "blue")
SIZE = 640
STRIDES = (8, 16, 32)
PATCH_PIXELS_MIN = 16
OPSET = 17


@dataclass(frozen=True)
class Recipe:
    """What one size of the detector can do."""

    reach: int
    """How many cells a head looks in each direction: it finds patches of at most so many cells."""
    is_exact: bool
    """Whether edges are found to the pixel; to the cell otherwise."""
    score: float
    """The score of what it finds."""


RECIPES = {"n": Recipe(reach=10, is_exact=False, score=0.75), "s": Recipe(reach=20, is_exact=True, score=0.9375)}


def build(recipe: Recipe) -> onnx.ModelProto:
    """The model; the same bytes each time, for one version of the package ``onnx``."""
    graph = _Graph()
    masks = _masks(graph)
    smallest = float(PATCH_PIXELS_MIN)
    heads = []
    for stride in STRIDES:
        largest = float(recipe.reach * stride)
        heads.append(_Head(graph, recipe, stride).build(masks, smallest, largest))
        smallest = 0.75 * largest  # The sizes of two heads overlap, so that none falls between them.
    graph.node("Concat", heads, "output0", axis=2)
    return graph.model()


class _Graph:
    """Nodes and constants in the making."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def node(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Adds a node with one output; the output's name."""
        output = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: Any, dtype: str = "float32") -> str:
        """Adds a constant; its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(numpy.asarray(value, dtype), name))
        return name

    def clip(self, value: str) -> str:
        """``value``, but at least 0 and at most 1."""
        return self.node("Clip", [value, self.constant(0.0), self.constant(1.0)])

    def steep(self, value: str, factor: float, middle: float) -> str:
        """0 well below ``middle``, 1 well above, and a slope of ``factor`` between."""
        scaled = self.node("Mul", [value, self.constant(factor)])
        return self.clip(self.node("Add", [scaled, self.constant(0.5 - factor * middle)]))

    def model(self) -> onnx.ModelProto:
        """The whole, checked."""
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
        cells = sum((SIZE // stride) ** 2 for stride in STRIDES)
        output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4 + len(CLASSES), cells])
        graph = helper.make_graph(self._nodes, "patches", [images], [output], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        helper.set_model_props(model, {"names": str(dict(enumerate(CLASSES))), "stride": "32", "task": "detect"})
        onnx.checker.check_model(model, full_check=True)
        return model


def _masks(graph: _Graph) -> str:
    """[1, 3, 640, 640]: 1 where a pixel is bright in one colour and dark in the two others, else 0."""
    weights = numpy.full((3, 3), -0.5) + 1.5 * numpy.eye(3)
    excess = graph.node("Conv", ["images", graph.constant(weights.reshape(3, 3, 1, 1))])
    return graph.steep(excess, 4.0, 0.5)


class _Head:
    """The cells of one stride. All is done with a border of one empty cell, which is cut off at the end."""

    def __init__(self, graph: _Graph, recipe: Recipe, stride: int) -> None:
        self._graph = graph
        self._recipe = recipe
        self._stride = stride
        self._side = SIZE // stride

    def build(self, masks: str, smallest: float, largest: float) -> str:
        """[1, 7, cells] for patches whose longer side has from ``smallest`` to ``largest`` pixels."""
        graph = self._graph
        cover = self._cover(masks)
        left, right, up, down = (self._run(cover, towards) for towards in ("left", "right", "up", "down"))
        width, height = self._extent(left, cover, right), self._extent(up, cover, down)
        longer = graph.node("Max", [width, height])
        score = graph.steep(cover, 10.0, 0.95)
        for part in (graph.steep(longer, 1.0, smallest), graph.steep(longer, -1.0, largest)):
            score = graph.node("Mul", [score, part])
        score = graph.node("Mul", [score, graph.constant(self._recipe.score)])
        x, y = self._centre(left, right, (1, 1, 1, -1)), self._centre(up, down, (1, 1, -1, 1))
        boxes = [self._of_best_class(value, score) for value in (x, y, width, height)]
        return self._flat(graph.node("Concat", [*boxes, score], axis=1))

    def _cover(self, masks: str) -> str:
        """[1, 3, side + 2, side + 2]: which share of each cell a colour covers."""
        pooled = self._graph.node("AveragePool", [masks], kernel_shape=[self._stride] * 2, strides=[self._stride] * 2)
        if not self._recipe.is_exact:
            pooled = self._graph.steep(pooled, 1000.0, 0.5)
        border = self._graph.constant([0, 0, 1, 1, 0, 0, 1, 1], "int64")
        return self._graph.node("Pad", [pooled, border])

    def _run(self, cover: str, towards: str) -> str:
        """How many cells further a patch goes."""
        negative = self._graph.node("Neg", [cover])
        runs = []
        for k in range(1, self._recipe.reach + 1):
            kernel = [1, k + 1] if towards in ("left", "right") else [k + 1, 1]
            pads = {"left": [0, k, 0, 0], "right": [0, 0, 0, k], "up": [k, 0, 0, 0], "down": [0, 0, k, 0]}[towards]
            runs.append(self._graph.node("MaxPool", [negative], kernel_shape=kernel, pads=pads, strides=[1, 1]))
        return self._graph.node("Neg", [self._graph.node("Sum", runs)])

    def _extent(self, before: str, cover: str, after: str) -> str:
        """A side's length in pixels."""
        cells = self._graph.node("Sum", [before, cover, after])
        return self._graph.node("Mul", [cells, self._graph.constant(float(self._stride))])

    def _centre(self, before: str, after: str, shape: Sequence[int]) -> str:
        """The centre's place in pixels; ``shape`` has -1 for the dimension along which it is counted."""
        middles = (numpy.arange(-1, self._side + 1) + 0.5) * self._stride
        ahead = self._graph.node("Sub", [after, before])
        offset = self._graph.node("Mul", [ahead, self._graph.constant(self._stride / 2)])
        return self._graph.node("Add", [offset, self._graph.constant(middles.reshape(shape))])

    def _of_best_class(self, value: str, score: str) -> str:
        """[1, 1, side + 2, side + 2]: the mean over the classes, weighted by their scores."""
        graph, axis = self._graph, self._graph.constant([1], "int64")
        weighted = graph.node("ReduceSum", [graph.node("Mul", [value, score]), axis], keepdims=1)
        weight = graph.node("Max", [graph.node("ReduceSum", [score, axis], keepdims=1), graph.constant(1e-6)])
        return graph.node("Div", [weighted, weight])

    def _flat(self, value: str) -> str:
        """Without the border, row after row."""
        graph = self._graph
        first, end, axes = ([1, 1], [self._side + 1] * 2, [2, 3])
        inner = graph.node("Slice", [value, *(graph.constant(place, "int64") for place in (first, end, axes))])
        return graph.node("Reshape", [inner, graph.constant([1, 4 + len(CLASSES), -1], "int64")])
