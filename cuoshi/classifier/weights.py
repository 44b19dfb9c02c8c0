"""How a network's parameters are stored: one copy, in 8 bits, that both engines read.

``model.safetensors`` holds every large matrix as int8 with one scale an output channel (``words`` a row),
and everything else in single precision. ``model.int8.onnx`` points into that file, so the two cannot
differ. Matrices are stored with the input axis first, as ONNX Runtime multiplies them; query, key and
value of a layer are one matrix.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Stored = dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int8]]
LIMIT = 127
WORDS = "words"
SCALE = ".scale"
MATRICES = {
    "qkv": ("attention.query", "attention.key", "attention.value"),
    "attended": ("attention.output",),
    "inner": ("inner",),
    "outer": ("outer",),
}


def quantise(matrix: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Symmetric int8 with one scale a row: ``matrix ≈ values * scales[:, None]``."""
    scales = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / LIMIT
    values = np.clip(np.rint(matrix / scales[:, None]), -LIMIT, LIMIT)
    return values.astype(np.int8), scales.astype(np.float32)


def pack(state: Mapping[str, Floats], layers: int) -> Stored:
    """The stored tensors of a network, from its parameters by their names in ``engines.torch.Network``."""
    stored: Stored = {}
    values, scales = quantise(state["words.weight"])
    stored[WORDS], stored[WORDS + SCALE] = values, scales
    taken = {"words.weight"}
    for number in range(layers):
        for name, parts in MATRICES.items():
            full = [f"layers.{number}.{part}" for part in parts]
            values, scales = quantise(np.concatenate([state[f"{part}.weight"] for part in full]))
            stem = f"layers.{number}.{name}"
            stored[stem] = np.ascontiguousarray(values.T)
            stored[stem + SCALE] = scales
            stored[stem + ".bias"] = np.concatenate([state[f"{part}.bias"] for part in full])
            taken.update(f"{part}.{kind}" for part in full for kind in ("weight", "bias"))
    for name, value in state.items():
        if name not in taken:
            stored[name] = np.ascontiguousarray(value, dtype=np.float32)
    return stored


def unpack(stored: Mapping[str, npt.NDArray[np.float32] | npt.NDArray[np.int8]]) -> dict[str, Floats]:
    """The parameters of a network, in single precision, from its stored tensors."""
    state: dict[str, Floats] = {}
    for name, value in stored.items():
        if name.endswith(SCALE):
            continue
        if name == WORDS:
            state["words.weight"] = value.astype(np.float32) * stored[WORDS + SCALE][:, None]
            continue
        prefix, _, last = name.rpartition(".")
        stem = prefix if last == "bias" and prefix + SCALE in stored else name
        if stem + SCALE not in stored:
            state[name] = value.astype(np.float32)
            continue
        layer, _, kind = stem.rpartition(".")
        parts = MATRICES[kind]
        matrix = name == stem
        whole = value.T.astype(np.float32) * stored[stem + SCALE][:, None] if matrix else value
        suffix = "weight" if matrix else "bias"
        for part, piece in zip(parts, np.split(whole, len(parts)), strict=True):
            state[f"{layer}.{part}.{suffix}"] = np.ascontiguousarray(piece, dtype=np.float32)
    return state
