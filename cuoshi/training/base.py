"""The folder of the base encoder that a training starts from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cuoshi.classifier.errors import ModelError, UsageError
from cuoshi.classifier.modelfolder import TOKENIZER
from cuoshi.training.encoder import ORIGIN

CONFIG = "config.json"
_HINT = "make it with python -m cuoshi.training.encoder"


def find_base(base: str, revision: str | None = None) -> Path:
    """The folder of a base given by path or hub id; a hub id is downloaded, once, at its revision.

    Raises:
        UsageError: there is no such folder and the hub does not give it.
        ModelError: the folder lacks a file.
    """
    folder = Path(base)
    if not folder.is_dir():
        if not _may_be_hub_id(base):
            raise UsageError(f"{base}: no such folder; {_HINT}")
        folder = _download(base, revision)
    for name in (CONFIG, TOKENIZER):
        if not (folder / name).is_file():
            raise ModelError(f"{folder}: has no {name}, so it is no base encoder; {_HINT}")
    return folder


def base_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a base.

    Raises:
        ModelError: it is not JSON, or the encoder is no BERT with GELU, which the exported graph is.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{folder / CONFIG}: not JSON ({error}); {_HINT}") from None
    kind, activation = config.get("model_type"), config.get("hidden_act")
    if (kind, activation) != ("bert", "gelu") or "max_position_embeddings" not in config:
        raise ModelError(
            f"{folder / CONFIG}: model_type '{kind}' with hidden_act '{activation}'; "
            "give a base of type bert with gelu"
        )
    assert isinstance(config, dict)
    return config


def base_origin(folder: Path, base: str, revision: str | None) -> str:
    """Where a base comes from: what made it says so, else it is the hub id with its revision."""
    stated = base_config(folder).get(ORIGIN)
    return str(stated) if stated else f"{base} ({revision or 'main'})"


def _may_be_hub_id(base: str) -> bool:
    """Whether a name is no path: a hub id is ``owner/name`` or ``name``, and no folder here is the owner."""
    parts = Path(base).parts
    plain = base == "/".join(parts) and not base.startswith((".", "~", "/"))
    return plain and (len(parts) == 1 or (len(parts) == 2 and not Path(parts[0]).is_dir()))


def _download(base: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            base, revision=revision, allow_patterns=[CONFIG, TOKENIZER, "*.safetensors"]
        )
    except Exception as error:  # of the hub and of whichever HTTP library it uses
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{base}: no such folder, and not to be had from the hub ({reason}); {_HINT}"
        ) from None
    return Path(found)
