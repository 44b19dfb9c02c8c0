"""The int8 graph for ONNX Runtime, written node by node.

Writing it keeps mask and shape arithmetic out and needs no tracing. Weights are int8 with a scale an output
channel; activations are quantised by ``DynamicQuantizeLinear``. Input ``input_ids`` ``[1, tokens]``, one
unpadded row a run; output ``scores`` ``[1, labels]``, after the sigmoid.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from cuoshi.classifier.modelfolder import ModelConfig

Weights = Mapping[str, npt.NDArray[np.float32]]
OPSET = 20
WEIGHT_LIMIT = 127


def quantise_rows(
    matrix: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Symmetric int8 with one scale a row: ``matrix ≈ values * scales[:, None]``."""
    scales = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / WEIGHT_LIMIT
    values = np.clip(np.rint(matrix / scales[:, None]), -WEIGHT_LIMIT, WEIGHT_LIMIT)
    return values.astype(np.int8), scales.astype(np.float32)


class _Graph:
    """Collects nodes and initialisers; every helper returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._known: set[str] = set()

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        if name not in self._known:
            self._known.add(name)
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def quantised(self, states: str, name: str) -> tuple[str, str, str]:
        """Quantise activations: values, scale, zero point."""
        outputs = (f"{name}.q", f"{name}.scale", f"{name}.zero")
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [states], list(outputs), name=name))
        return outputs

    def linear(
        self,
        quantised: tuple[str, str, str],
        weight: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32],
        name: str,
    ) -> str:
        """``states @ weight.T + bias`` in int8; ``weight`` is ``[out, in]``."""
        values, scales = quantise_rows(weight)
        states, scale, zero = quantised
        product = self.node(
            "MatMulInteger",
            [
                states,
                self.constant(f"{name}.weight", values.T),
                zero,
                self.constant(f"{name}.weight_zero", np.zeros(len(scales), dtype=np.int8)),
            ],
            f"{name}.int",
        )
        factor = self.node("Mul", [scale, self.constant(f"{name}.weight_scale", scales)], f"{name}.factor")
        floats = self.node("Cast", [product], f"{name}.float", to=TensorProto.FLOAT)
        scaled = self.node("Mul", [floats, factor], f"{name}.scaled")
        return self.node("Add", [scaled, self.constant(f"{name}.bias", bias)], f"{name}.out")

    def norm(self, states: str, weights: Weights, name: str, epsilon: float) -> str:
        gain = self.constant(f"{name}.gain", weights[f"{name}.weight"])
        shift = self.constant(f"{name}.shift", weights[f"{name}.bias"])
        return self.node("LayerNormalization", [states, gain, shift], f"{name}.out", epsilon=epsilon)


def build_graph(weights: Weights, config: ModelConfig) -> onnx.ModelProto:
    """The graph of a network, from its parameters by their names in :class:`Network`."""
    graph = _Graph()
    states = _embeddings(graph, weights, config)
    for number in range(config.num_hidden_layers):
        states = _layer(graph, weights, config, f"layers.{number}", states)
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
    head = graph.constant("head.weight", weights["head.weight"].T)
    product = graph.node("MatMul", [normed, head], "head.product")
    logits = graph.node("Add", [product, graph.constant("head.bias", weights["head.bias"])], "logits")
    graph.node("Sigmoid", [logits], "scores")
    labels = len(weights["head.bias"])
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


def _embeddings(graph: _Graph, weights: Weights, config: ModelConfig) -> str:
    """Rows of the int8 word table times their scales, plus positions and the first token type."""
    values, scales = quantise_rows(weights["words.weight"])
    rows = graph.node("Gather", [graph.constant("words", values), "input_ids"], "word_rows")
    factors = graph.node(
        "Gather", [graph.constant("word_scales", scales[:, None]), "input_ids"], "word_factors"
    )
    floats = graph.node("Cast", [rows], "word_floats", to=TensorProto.FLOAT)
    words = graph.node("Mul", [floats, factors], "word_states")
    table = (weights["positions.weight"] + weights["types.weight"][0])[: config.max_tokens]
    shape = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    places = graph.node(
        "Slice",
        [
            graph.constant("places", table),
            graph.constant("zero", np.array([0], dtype=np.int64)),
            shape,
            graph.constant("axis_rows", np.array([0], dtype=np.int64)),
        ],
        "place_states",
    )
    total = graph.node("Add", [words, places], "embedded")
    return graph.norm(total, weights, "norm", config.layer_norm_eps)


def _layer(graph: _Graph, weights: Weights, config: ModelConfig, name: str, states: str) -> str:
    """One encoder layer; query, key and value are one product."""
    parts = [f"{name}.attention.{part}" for part in ("query", "key", "value")]
    joined = np.concatenate([weights[f"{part}.weight"] for part in parts])
    bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
    product = graph.linear(graph.quantised(states, f"{name}.in"), joined, bias, f"{name}.qkv")
    outputs = [f"{name}.{part}" for part in "qkv"]
    sizes = graph.constant("qkv_sizes", np.full(3, config.hidden_size, dtype=np.int64))
    graph.nodes.append(helper.make_node("Split", [product, sizes], outputs, axis=-1, name=f"{name}.split"))
    mixed = graph.node(
        "MultiHeadAttention",
        outputs,
        f"{name}.mixed",
        domain="com.microsoft",
        num_heads=config.num_attention_heads,
    )
    attended = graph.linear(
        graph.quantised(mixed, f"{name}.mixed_q"),
        weights[f"{name}.attention.output.weight"],
        weights[f"{name}.attention.output.bias"],
        f"{name}.attended",
    )
    middle = graph.norm(
        graph.node("Add", [attended, states], f"{name}.sum"),
        weights,
        f"{name}.attention_norm",
        config.layer_norm_eps,
    )
    inner = graph.linear(
        graph.quantised(middle, f"{name}.middle"),
        weights[f"{name}.inner.weight"],
        weights[f"{name}.inner.bias"],
        f"{name}.inner",
    )
    active = graph.node("Gelu", [inner], f"{name}.gelu")
    outer = graph.linear(
        graph.quantised(active, f"{name}.active"),
        weights[f"{name}.outer.weight"],
        weights[f"{name}.outer.bias"],
        f"{name}.outer",
    )
    return graph.norm(
        graph.node("Add", [outer, middle], f"{name}.result"),
        weights,
        f"{name}.output_norm",
        config.layer_norm_eps,
    )


def write_graph(weights: Weights, config: ModelConfig, path: Path) -> None:
    """Build, check and save the graph."""
    model = build_graph(weights, config)
    path.write_bytes(model.SerializeToString())
