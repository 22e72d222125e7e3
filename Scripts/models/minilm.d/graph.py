"""all-MiniLM-L6-v2 as an ONNX graph, from its weights: a BERT encoder, mean pooling and L2 normalisation.

Inputs are those of the usual exports, `input_ids`, `attention_mask` and `token_type_ids`, int64 [batch, sequence] with
both dimensions free; the output is `sentence_embedding`, float32 [batch, 384], of length 1.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from weights import Weights

OPSET = 20
IR_VERSION = 9
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUT = "sentence_embedding"

LAYER_COUNT = 6
HEAD_COUNT = 12
HIDDEN = 384
HEAD_SIZE = HIDDEN // HEAD_COUNT
LAYER_NORM_EPSILON = 1e-12
MASKED_SCORE = -1e9  # softmax makes 0 of it


def model(weights: Weights) -> onnx.ModelProto:
    builder = _Builder(weights)
    builder.network()
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in INPUTS]
    outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", HIDDEN])]
    graph = helper.make_graph(builder.nodes, "all-MiniLM-L6-v2", inputs, outputs, builder.initializers)
    made = helper.make_model(graph, producer_name="shoal", opset_imports=[helper.make_opsetid("", OPSET)])
    made.ir_version = IR_VERSION
    onnx.checker.check_model(made, full_check=True)
    return made


class _Builder:
    """Adds nodes one after another; a node is named by its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def network(self) -> None:
        bias = self.attention_bias()
        hidden = self.embeddings()
        for layer in range(LAYER_COUNT):
            hidden = self.layer(hidden, bias, f"encoder.layer.{layer}.")
        self.pooling(hidden)

    def embeddings(self) -> str:
        words = self.node("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        types = self.node("Gather", self.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
        length = self.node("Slice", self.node("Shape", "input_ids"), self.integers([1]), self.integers([2]))
        table = self.weight("embeddings.position_embeddings.weight")
        positions = self.node("Slice", table, self.integers([0]), length, self.integers([0]))
        total = self.node("Add", self.node("Add", words, types), positions)
        return self.layer_norm(total, "embeddings.LayerNorm.")

    def attention_bias(self) -> str:
        """[batch, 1, 1, sequence]: 0 for a token that counts, a very low score for padding."""
        mask = self.node("Cast", "attention_mask", to=TensorProto.FLOAT)
        masked = self.node("Mul", self.node("Sub", self.floats(1.0), mask), self.floats(MASKED_SCORE))
        return self.node("Unsqueeze", masked, self.integers([1, 2]))

    def layer(self, hidden: str, bias: str, prefix: str) -> str:
        attended = self.attention(hidden, bias, prefix + "attention.self.")
        attended = self.dense(attended, prefix + "attention.output.dense.")
        hidden = self.layer_norm(self.node("Add", attended, hidden), prefix + "attention.output.LayerNorm.")
        inner = self.node("Gelu", self.dense(hidden, prefix + "intermediate.dense."))
        outer = self.dense(inner, prefix + "output.dense.")
        return self.layer_norm(self.node("Add", outer, hidden), prefix + "output.LayerNorm.")

    def attention(self, hidden: str, bias: str, prefix: str) -> str:
        query = self.heads(self.dense(hidden, prefix + "query."), [0, 2, 1, 3])
        key = self.heads(self.dense(hidden, prefix + "key."), [0, 2, 3, 1])
        value = self.heads(self.dense(hidden, prefix + "value."), [0, 2, 1, 3])
        scores = self.node("Mul", self.node("MatMul", query, key), self.floats(HEAD_SIZE**-0.5))
        shares = self.node("Softmax", self.node("Add", scores, bias), axis=-1)
        joined = self.node("Transpose", self.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self.node("Reshape", joined, self.integers([0, 0, HIDDEN]))

    def heads(self, hidden: str, order: list[int]) -> str:
        split = self.node("Reshape", hidden, self.integers([0, 0, HEAD_COUNT, HEAD_SIZE]))
        return self.node("Transpose", split, perm=order)

    def pooling(self, hidden: str) -> None:
        """The mean over the tokens that count, made one long."""
        mask = self.node("Unsqueeze", self.node("Cast", "attention_mask", to=TensorProto.FLOAT), self.integers([2]))
        total = self.node("ReduceSum", self.node("Mul", hidden, mask), self.integers([1]), keepdims=0)
        count = self.node("ReduceSum", mask, self.integers([1]), keepdims=0)
        mean = self.node("Div", total, self.node("Max", count, self.floats(1e-9)))
        length = self.node("ReduceL2", mean, self.integers([1]), keepdims=1)
        self.node("Div", mean, self.node("Max", length, self.floats(1e-12)), output=OUTPUT)

    def dense(self, hidden: str, prefix: str) -> str:
        product = self.node("MatMul", hidden, self.weight(prefix + "weight", transposed=True))
        return self.node("Add", product, self.weight(prefix + "bias"))

    def layer_norm(self, hidden: str, prefix: str) -> str:
        scale, bias = self.weight(prefix + "weight"), self.weight(prefix + "bias")
        return self.node("LayerNormalization", hidden, scale, bias, axis=-1, epsilon=LAYER_NORM_EPSILON)

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def weight(self, name: str, transposed: bool = False) -> str:
        tensor = self.weights[name]
        return self.constant(name, np.ascontiguousarray(tensor.T) if transposed else tensor)

    def integers(self, values: list[int]) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def floats(self, value: float) -> str:
        return self.constant(f"float_{value}", np.array(value, dtype=np.float32))

    def constant(self, name: str, value: np.ndarray) -> str:
        if all(tensor.name != name for tensor in self.initializers):
            self.initializers.append(numpy_helper.from_array(value, name))
        return name
