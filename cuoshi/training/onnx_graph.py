"""The int8 graph for ONNX Runtime, written node by node.

Writing it keeps mask and shape arithmetic out and needs no tracing. The int8 matrices stay in
``model.safetensors``, to which the graph points; activations are quantised with a scale a token.
Input ``input_ids`` ``[1, tokens]``, one unpadded row a run; output ``scores`` ``[1, labels]``, after the
sigmoid.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from cuoshi.classifier.modelfolder import ModelConfig
from cuoshi.classifier.weights import SCALE, WORDS

OPSET = 20


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
        self._limit = self.constant("limit", np.array(127, dtype=np.float32))
        self._tiny = self.constant("tiny", np.array(1e-12, dtype=np.float32))
        self._one = self.constant("one", np.array(1, dtype=np.float32))
        self._middle = self.constant("middle", np.array(128, dtype=np.uint8))

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

    def quantised(self, states: str, name: str) -> tuple[str, str]:
        """Quantise activations, every token by its own largest value: uint8 around 128, and the scales.

        A scale for the whole tensor, which DynamicQuantizeLinear takes, is set by a few outliers and changed
        the labels of 8 % of real paragraphs; a scale a token changes 1 %, and no row depends on another.
        """
        sizes = self.node("Abs", [states], f"{name}.abs")
        largest = self.node("ReduceMax", [sizes, self._last], f"{name}.max")
        scale = self.node("Div", [largest, self._limit], f"{name}.scale")
        bounded = self.node("Max", [scale, self._tiny], f"{name}.bounded")
        ratio = self.node("Div", [states, bounded], f"{name}.ratio")
        return self.node("QuantizeLinear", [ratio, self._one, self._middle], f"{name}.q"), bounded

    def linear(self, quantised: tuple[str, str], name: str) -> str:
        """States times the stored int8 matrix ``name``, plus its bias."""
        states, scale = quantised
        scales = self.stored_constant(name + SCALE)
        zero = self.constant(f"{name}.zero", np.zeros(len(self.stored[name + SCALE]), dtype=np.int8))
        product = self.node(
            "MatMulInteger", [states, self.stored_constant(name), self._middle, zero], f"{name}.int"
        )
        floats = self.node("Cast", [product], f"{name}.float", to=TensorProto.FLOAT)
        by_token = self.node("Mul", [floats, scale], f"{name}.by_token")
        scaled = self.node("Mul", [by_token, scales], f"{name}.scaled")
        return self.node("Add", [scaled, self.stored_constant(f"{name}.bias")], f"{name}.out")

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
    states = _embeddings(graph, config)
    for number in range(config.num_hidden_layers):
        states = _layer(graph, config, f"layers.{number}", states)
    pooled = graph.node(
        "ReduceMean",
        [states, graph.constant("axis_tokens", np.array([1], dtype=np.int64))],
        "pooled",
        keepdims=0,
    )
    size = config.hidden_size
    normed = graph.node(
        "LayerNormalization",
        [
            pooled,
            graph.constant("ones", np.ones(size, dtype=np.float32)),
            graph.constant("zeros", np.zeros(size, dtype=np.float32)),
        ],
        "pooled_norm",
        epsilon=1e-5,
    )
    head = graph.constant("head.matrix", graph.stored["head.weight"].T)
    product = graph.node("MatMul", [normed, head], "head.product")
    logits = graph.node("Add", [product, graph.stored_constant("head.bias")], "logits")
    graph.node("Sigmoid", [logits], "scores")
    labels = len(graph.stored["head.bias"])
    body = helper.make_graph(
        graph.nodes,
        "cuoshi",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, labels])],
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
    product = graph.linear(graph.quantised(states, f"{name}.in"), f"{name}.qkv")
    outputs = [f"{name}.{part}" for part in ("query", "key", "value")]
    sizes = graph.constant("qkv_sizes", np.full(3, config.hidden_size, dtype=np.int64))
    graph.nodes.append(helper.make_node("Split", [product, sizes], outputs, axis=-1, name=f"{name}.split"))
    mixed = graph.node(
        "MultiHeadAttention",
        outputs,
        f"{name}.mixed",
        domain="com.microsoft",
        num_heads=config.num_attention_heads,
    )
    attended = graph.linear(graph.quantised(mixed, f"{name}.mixed_q"), f"{name}.attended")
    total = graph.node("Add", [attended, states], f"{name}.sum")
    middle = graph.norm(total, f"{name}.attention_norm", config.layer_norm_eps)
    inner = graph.linear(graph.quantised(middle, f"{name}.middle"), f"{name}.inner")
    active = graph.node("Gelu", [inner], f"{name}.gelu")
    outer = graph.linear(graph.quantised(active, f"{name}.active"), f"{name}.outer")
    result = graph.node("Add", [outer, middle], f"{name}.result")
    return graph.norm(result, f"{name}.output_norm", config.layer_norm_eps)


def write_graph(weights: Path, config: ModelConfig, path: Path) -> None:
    """Build the graph over ``weights`` and save it as ``path``, in the same folder."""
    path.write_bytes(build_graph(weights, config).SerializeToString())
