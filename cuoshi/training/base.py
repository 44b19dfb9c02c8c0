"""The base encoder that a training starts from: a model folder of cuoshi, a BERT's folder, or a hub id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, normalizers
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from cuoshi.classifier.errors import ModelError, UsageError
from cuoshi.classifier.modelfolder import MANIFEST, TOKENIZER, open_model, shipped_models
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.classifier.tokens import open_tokenizer
from cuoshi.training.encoder import ORIGIN

CONFIG = "config.json"
VOCABULARY = "vocab.txt"
WEIGHT_FILES = ("*.safetensors", "pytorch_model.bin")
_HINT = "make it with python -m cuoshi.training.encoder"

# Signs of Chinese print that many WordPiece vocabularies lack, and what stands in for them.
_STAND_INS = {"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "—": "-", "～": "~", "·": "."}


def find_base(base: str, revision: str | None = None) -> Path:
    """The folder of a base given by path, by the name of a shipped model, or by hub id.

    A hub id is downloaded, once, at its revision.

    Raises:
        UsageError: there is no such folder and the hub does not give it.
        ModelError: the folder lacks a file, or is a model folder that is damaged.
    """
    folder = Path(base)
    if not folder.is_dir() and (shipped_models() / base / MANIFEST).is_file():
        folder = shipped_models() / base
    if not folder.is_dir():
        if not _may_be_hub_id(base):
            raise UsageError(f"{base}: no such folder; {_HINT}")
        folder = _download(base, revision)
    if is_model_folder(folder):
        return open_model(folder).path
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{folder}: has no {CONFIG}, so it is no base encoder; {_HINT}")
    if not any((folder / name).is_file() for name in (TOKENIZER, VOCABULARY)):
        raise ModelError(f"{folder}: has no {TOKENIZER}, so it is no base encoder; {_HINT}")
    return folder


def is_model_folder(folder: Path) -> bool:
    """Whether a folder is a model folder of cuoshi, whose encoder can be taken."""
    return (folder / MANIFEST).is_file()


def base_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a base with the fields of BertConfig, ``pad_token_id`` among them.

    Raises:
        ModelError: it is not JSON, or the encoder is no BERT with GELU, which the exported graph is.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{folder / CONFIG}: not JSON ({error}); {_HINT}") from None
    if is_model_folder(folder):
        config = {"pad_id": 1, **config}
        return {**config, "model_type": "bert", "hidden_act": "gelu", "pad_token_id": config["pad_id"]}
    kind, activation = config.get("model_type"), config.get("hidden_act")
    if (kind, activation) != ("bert", "gelu") or "max_position_embeddings" not in config:
        raise ModelError(
            f"{folder / CONFIG}: model_type '{kind}' with hidden_act '{activation}'; "
            "give a base of type bert with gelu"
        )
    assert isinstance(config, dict)
    return {"pad_token_id": 0, **config}


def base_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a base, without truncation and padding.

    A WordPiece vocabulary that lacks curly quotes and the like reads their plain forms instead: such signs
    would be unknown otherwise.

    Raises:
        ModelError: it cannot be read, or does not put one token before and one after a text.
    """
    if (folder / TOKENIZER).is_file():
        tokenizer = open_tokenizer(folder / TOKENIZER)
    else:
        tokenizer = _from_vocabulary(folder)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if tokenizer.num_special_tokens_to_add(False) != 2:
        raise ModelError(f"{folder}: its tokenizer does not frame a text with two tokens; take another base")
    stand_ins = [] if tokenizer.token_to_id("[UNK]") is None else _missing_signs(tokenizer)
    if stand_ins:
        own = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
        tokenizer.normalizer = normalizers.Sequence([*stand_ins, *own])
    return tokenizer


def _missing_signs(tokenizer: Tokenizer) -> list[normalizers.Normalizer]:
    return [
        normalizers.Replace(Regex(sign), plain)
        for sign, plain in _STAND_INS.items()
        if tokenizer.token_to_id(sign) is None and tokenizer.token_to_id(plain[0]) is not None
    ]


def _from_vocabulary(folder: Path) -> Tokenizer:
    """A WordPiece tokenizer over ``vocab.txt``."""
    settings_file = folder / "tokenizer_config.json"
    settings = json.loads(settings_file.read_text(encoding="utf-8")) if settings_file.is_file() else {}
    try:
        made = BertWordPieceTokenizer(
            str(folder / VOCABULARY), lowercase=bool(settings.get("do_lower_case", True))
        )
    except Exception as error:  # tokenizers raises bare exceptions of its Rust side
        raise ModelError(f"{folder / VOCABULARY}: no WordPiece vocabulary ({error}); get it again") from None
    return Tokenizer.from_str(made.to_str())


def base_origin(folder: Path, base: str, revision: str | None) -> str:
    """Where a base comes from: what made it says so, else it is the hub id with its revision."""
    if is_model_folder(folder):
        found = open_model(folder)
        return f"the encoder of {found.model} (manifest {found.hash[:12]})"
    stated = base_config(folder).get(ORIGIN)
    return str(stated) if stated else f"{base} ({revision or 'main'})"


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a base's weights."""
    return sorted(path for pattern in WEIGHT_FILES for path in folder.glob(pattern))


def taxonomy_change(folder: Path, taxonomy: Taxonomy) -> str | None:
    """How the taxonomy changed since the model was made whose encoder is the base; None where it did not."""
    if not is_model_folder(folder):
        return None
    labels = open_model(folder).labels
    if labels.taxonomy != taxonomy.name or labels.taxonomy_hash == taxonomy.hash:
        return None
    added = [label for label in taxonomy.ids if label not in labels.ids]
    gone = [label for label in labels.ids if label not in taxonomy.ids]
    parts = [f"new: {', '.join(added)}"] if added else []
    parts += [f"gone: {', '.join(gone)}"] if gone else []
    what = "; ".join(parts) or "the same labels with other meanings or in another order"
    return f"taxonomy {taxonomy.name} changed since the base was made ({what})"


def _may_be_hub_id(base: str) -> bool:
    """Whether a name is no path: a hub id is ``owner/name`` or ``name``, and no folder here is the owner."""
    parts = Path(base).parts
    plain = base == "/".join(parts) and not base.startswith((".", "~", "/"))
    return plain and (len(parts) == 1 or (len(parts) == 2 and not Path(parts[0]).is_dir()))


def _download(base: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    texts = [CONFIG, TOKENIZER, VOCABULARY, "tokenizer_config.json"]
    try:
        found = Path(snapshot_download(base, revision=revision, allow_patterns=[*texts, "*.safetensors"]))
        if not any(found.glob("*.safetensors")):  # an older repository
            found = Path(snapshot_download(base, revision=revision, allow_patterns=["pytorch_model.bin"]))
    except Exception as error:  # of the hub and of whichever HTTP library it uses
        reason = " ".join(str(error).split()).partition(" An error happened")[0][:120]
        raise UsageError(
            f"{base}: no such folder, and the hub does not give it ({reason}); "
            "check the name and the network, or give the folder of an encoder"
        ) from None
    return found
