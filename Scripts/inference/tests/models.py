"""Small models for tests, made with the package ``onnx``."""

from __future__ import annotations

import os
from typing import Sequence

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


def save_scale(folder: str, factor: float, shape: Sequence["int | None"] = (1, 4), name: str = "model.onnx") -> str:
    """A model in ``folder`` with the input ``x`` of ``shape``, float32, and the output ``y`` = ``factor`` · ``x``; its
    metadata say ``names``. The path of the file."""
    return _save(
        os.path.join(folder, name),
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        [numpy_helper.from_array(numpy.array([factor], numpy.float32), "factor")],
        shape,
    )


def save_slow(folder: str) -> str:
    """A model that takes some tenths of a second: 1x16x256x256 float32 through a wide convolution."""
    weights = numpy.ones((16, 16, 11, 11), numpy.float32)
    return _save(
        os.path.join(folder, "model.onnx"),
        [helper.make_node("Conv", ["x", "weights"], ["y"], pads=[5, 5, 5, 5])],
        [numpy_helper.from_array(weights, "weights")],
        (1, 16, 256, 256),
    )


def _save(
    path: str, nodes: "list[onnx.NodeProto]", weights: "list[onnx.TensorProto]", shape: Sequence["int | None"]
) -> str:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(shape))]
    graph = helper.make_graph(nodes, "test", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"names": "{0: 'fish'}"})
    onnx.save(model, path)
    return path
