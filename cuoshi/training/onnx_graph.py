"""The int8 graph for ONNX Runtime, written node by node.

Writing it keeps mask and shape arithmetic out and needs no tracing. The int8 matrices stay in
``model.safetensors``, to which the graph points; activations are quantised with a scale a token.
Input ``input_ids`` ``[rows, tokens]``, rows of one length without padding; outputs ``scores``
``[rows, labels]``, after the sigmoid, and ``exact``, a product that tells whether the processor multiplies
8-bit numbers without overflow. Between, states are ``[rows * tokens, channels]``.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from cuoshi.classifier.engines.onnx import PROBE, PROBE_SIZE
from cuoshi.classifier.modelfolder import ModelConfig
from cuoshi.classifier.weights import SCALE, WORDS

OPSET = 20
GELU_ZERO = 32


class Quantised(NamedTuple):
    """Activations in 8 bits: values ``[tokens, channels]``, scales ``[tokens, 1]``, the zero they share."""

    values: str
    scales: str
    zero: str


class _Graph:
    """Collects nodes and initialisers; every helper returns the name of its output."""

    def __init__(self, weights: Path) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._known: set[str] = set()
        self._file = weights.name
        self.stored = load_file(str(weights))
        self._offsets = tensor_offsets(weights)
        self._last = self.constant("last_axis", np.array([-1], dtype=np.int64))
        self._tiny = self.constant("tiny", np.array(1e-12, dtype=np.float32))

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        if name not in self._known:
            self._known.add(name)
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def stored_constant(self, name: str) -> str:
        """A stored tensor: int8 ones are read from the weight file, small ones are copied."""
        value = self.stored[name]
        if value.dtype != np.int8:
            return self.constant(name, value)
        if name not in self._known:
            self._known.add(name)
            start, length = self._offsets[name]
            tensor = onnx.TensorProto(name=name, data_type=TensorProto.INT8, dims=value.shape)
            tensor.data_location = TensorProto.EXTERNAL
            for key, entry in (("location", self._file), ("offset", start), ("length", length)):
                tensor.external_data.add(key=key, value=str(entry))
            self.initializers.append(tensor)
        return name

    def node(self, kind: str, inputs: list[str], name: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def quantised(self, states: str, name: str, gelu: bool = False) -> Quantised:
        """Quantise activations, every token by its own largest value: uint8 around ``zero``, and the scales.

        A scale for the whole tensor, which DynamicQuantizeLinear takes, is set by a few outliers and changed
        the labels of 8 % of real paragraphs; with a scale a token, no row depends on another. What comes
        out of GELU is never below -0.17: it needs few steps below ``zero``, and no absolute values.
        """
        zero = GELU_ZERO if gelu else 128
        sizes = states if gelu else self.node("Abs", [states], f"{name}.abs")
        largest = self.node("ReduceMax", [sizes, self._last], f"{name}.max", keepdims=0)
        step = self.constant(f"step_{zero}", np.array(1 / (255 - zero), dtype=np.float32))
        ratio = self.node("Mul", [largest, step], f"{name}.ratio")
        least = self.constant("gelu_step", np.array(0.17 / zero, dtype=np.float32)) if gelu else self._tiny
        scale = self.node("Max", [ratio, least], f"{name}.scale")
        zeros = self.node(
            "ConstantOfShape",
            [self.node("Shape", [scale], f"{name}.shape")],
            f"{name}.zeros",
            value=numpy_helper.from_array(np.array([zero], dtype=np.uint8)),
        )
        values = self.node("QuantizeLinear", [states, scale, zeros], f"{name}.q", axis=0)
        column = self.constant("axis_column", np.array([1], dtype=np.int64))
        scales = self.node("Unsqueeze", [scale, column], f"{name}.scales")
        return Quantised(values, scales, self.constant(f"zero_{zero}", np.array(zero, dtype=np.uint8)))

    def linear(self, states: Quantised, name: str) -> str:
        """States times the stored int8 matrix ``name``, plus its bias."""
        inputs = [states.values, self.stored_constant(name), states.scales]
        product = self.node(
            "MatMulIntegerToFloat",
            [*inputs, self.stored_constant(name + SCALE), states.zero],
            f"{name}.product",
            domain="com.microsoft",
        )
        return self.node("Add", [product, self.stored_constant(f"{name}.bias")], f"{name}.out")

    def reshaped(self, states: str, shape: tuple[int, ...], name: str) -> str:
        target = self.constant("shape_" + "_".join(map(str, shape)), np.array(shape, dtype=np.int64))
        return self.node("Reshape", [states, target], name)

    def as_rows(self, states: str, size: int, name: str) -> str:
        """States ``[rows * tokens, size]`` as ``[rows, tokens, size]``."""
        if f"shape_rows_{size}" not in self._known:
            self._known.add(f"shape_rows_{size}")
            last = self.constant(f"size_{size}", np.array([size], dtype=np.int64))
            self.node("Concat", ["input_shape", last], f"shape_rows_{size}", axis=0)
        return self.node("Reshape", [states, f"shape_rows_{size}"], name)

    def norm(self, states: str, name: str, epsilon: float) -> str:
        gain = self.stored_constant(f"{name}.weight")
        shift = self.stored_constant(f"{name}.bias")
        return self.node("LayerNormalization", [states, gain, shift], f"{name}.out", epsilon=epsilon)


def tensor_offsets(path: Path) -> dict[str, tuple[int, int]]:
    """Where the tensors of a safetensors file lie: offset from the file's start and length, in bytes."""
    with path.open("rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(size))
    return {
        name: (8 + size + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def build_graph(weights: Path, config: ModelConfig) -> onnx.ModelProto:
    """The graph over a weight file; it has to be saved beside that file."""
    graph = _Graph(weights)
    graph.node("Shape", ["input_ids"], "input_shape")
    states = graph.reshaped(_embeddings(graph, config), (-1, config.hidden_size), "states")
    for number in range(config.num_hidden_layers):
        states = _layer(graph, config, f"layers.{number}", states)
    _head(graph, graph.as_rows(states, config.hidden_size, "token_states"), config.hidden_size)
    _probe(graph)
    labels = len(graph.stored["head.bias"])
    body = helper.make_graph(
        graph.nodes,
        "cuoshi",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "tokens"])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", labels]),
            helper.make_tensor_value_info(PROBE, TensorProto.INT32, [1, PROBE_SIZE]),
        ],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(body, opset_imports=opsets, producer_name="cuoshi")
    model.ir_version = 9
    return model


def _embeddings(graph: _Graph, config: ModelConfig) -> str:
    """Rows of the int8 word table times their scales, plus positions and the first token type."""
    rows = graph.node("Gather", [graph.stored_constant(WORDS), "input_ids"], "word_rows")
    scales = graph.constant("word_scales", graph.stored[WORDS + SCALE][:, None])
    factors = graph.node("Gather", [scales, "input_ids"], "word_factors")
    floats = graph.node("Cast", [rows], "word_floats", to=TensorProto.FLOAT)
    words = graph.node("Mul", [floats, factors], "word_states")
    table = (graph.stored["positions.weight"] + graph.stored["types.weight"][0])[: config.max_tokens]
    first, axis = np.array([0], dtype=np.int64), np.array([0], dtype=np.int64)
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    inputs = [graph.constant("places", table), graph.constant("first", first), length]
    places = graph.node("Slice", [*inputs, graph.constant("axis_rows", axis)], "place_states")
    total = graph.node("Add", [words, places], "embedded")
    return graph.norm(total, "norm", config.layer_norm_eps)


def _layer(graph: _Graph, config: ModelConfig, name: str, states: str) -> str:
    """One encoder layer; query, key and value are one product."""
    size = config.hidden_size
    product = graph.linear(graph.quantised(states, f"{name}.in"), f"{name}.qkv")
    rows = graph.as_rows(product, 3 * size, f"{name}.qkv_rows")
    outputs = [f"{name}.{part}" for part in ("query", "key", "value")]
    sizes = graph.constant("qkv_sizes", np.full(3, size, dtype=np.int64))
    graph.nodes.append(helper.make_node("Split", [rows, sizes], outputs, axis=-1, name=f"{name}.split"))
    heads = config.num_attention_heads
    mixed_rows = graph.node(
        "MultiHeadAttention", outputs, f"{name}.mixed_rows", domain="com.microsoft", num_heads=heads
    )
    mixed = graph.reshaped(mixed_rows, (-1, size), f"{name}.mixed")
    attended = graph.linear(graph.quantised(mixed, f"{name}.mixed"), f"{name}.attended")
    total = graph.node("Add", [attended, states], f"{name}.sum")
    middle = graph.norm(total, f"{name}.attention_norm", config.layer_norm_eps)
    inner = graph.linear(graph.quantised(middle, f"{name}.middle"), f"{name}.inner")
    active = graph.node("Gelu", [inner], f"{name}.gelu")
    outer = graph.linear(graph.quantised(active, f"{name}.active", gelu=True), f"{name}.outer")
    result = graph.node("Add", [outer, middle], f"{name}.result")
    return graph.norm(result, f"{name}.output_norm", config.layer_norm_eps)


def _head(graph: _Graph, states: str, size: int) -> None:
    """Average over the tokens, normalise, map to a score a label.

    ReduceMean over the tokens, and MatMul with the matrix, add up several rows in another order than one.
    Here the sum of a row is a product of its own, and the head sums over the last axis, so that a row
    scores the same to the last bit in any company.
    """
    axis = graph.constant("axis_row", np.array([1], dtype=np.int64))
    last = graph.constant("last_axis", np.array([-1], dtype=np.int64))
    number = graph.node("Shape", ["input_ids"], "number", start=0, end=1)
    shape = graph.node("Concat", [number, axis, "length"], "shape_tokens", axis=0)
    one = numpy_helper.from_array(np.array([1], dtype=np.float32))
    every = graph.node("ConstantOfShape", [shape], "every_token", value=one)
    sums = graph.node("MatMul", [every, states], "token_sums")
    count = graph.node("Cast", ["length"], "token_count", to=TensorProto.FLOAT)
    means = graph.node("Div", [sums, count], "means")
    ones = graph.constant("ones", np.ones(size, dtype=np.float32))
    zeros = graph.constant("zeros", np.zeros(size, dtype=np.float32))
    pooled = graph.node("LayerNormalization", [means, ones, zeros], "pooled", epsilon=1e-5)
    parts = graph.node("Mul", [pooled, graph.stored_constant("head.weight")], "head.parts")
    products = graph.node("ReduceSum", [parts, last], "head.products", keepdims=0)
    graph.node(
        "Sigmoid", [graph.node("Add", [products, graph.stored_constant("head.bias")], "logits")], "scores"
    )


def _probe(graph: _Graph) -> None:
    """The largest product there is: its sum is right only where pairs of products do not overflow."""
    left = graph.constant("probe_left", np.full((1, PROBE_SIZE), 255, dtype=np.uint8))
    right = graph.constant("probe_right", np.full((PROBE_SIZE, PROBE_SIZE), 127, dtype=np.int8))
    graph.node("MatMulInteger", [left, right], PROBE)


def write_graph(weights: Path, config: ModelConfig, path: Path) -> None:
    """Build the graph over ``weights`` and save it as ``path``, in the same folder."""
    path.write_bytes(build_graph(weights, config).SerializeToString())
