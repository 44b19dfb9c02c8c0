"""What a model folder says of itself, and which folders there are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cuoshi.classifier.errors import ModelError
from cuoshi.classifier.modelfolder import MANIFEST, ModelFolder, open_model, shipped_models
from cuoshi.classifier.names import printable

HEADLINE = ("micro_f1", "macro_f1", "exact_match", "no_measure_f1")


def model_folders(places: Iterable[Path]) -> list[Path]:
    """The model folders in some places and among the shipped models, each once; a place may be one itself."""
    found: dict[Path, Path] = {}
    for place in (*places, shipped_models()):
        candidates = [place] if (place / MANIFEST).is_file() else sorted(place.glob(f"*/{MANIFEST}"))
        for candidate in candidates:
            folder = candidate if candidate == place else candidate.parent
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def summary(path: Path) -> dict[str, Any]:
    """A line about a model folder; where it cannot be opened, ``error`` says why.

    ``bytes`` is the size of all files.
    """
    try:
        folder = open_model(path)
    except ModelError as error:
        return {"path": printable(path), "error": str(error)}
    return {
        "path": printable(path),
        "name": folder.config.name,
        "version": folder.config.version,
        "hash": folder.hash,
        "taxonomy": folder.taxonomy,
        "labels": len(folder.labels.ids),
        "bytes": sum(file.stat().st_size for file in path.iterdir() if file.is_file()),
    }


def description(folder: ModelFolder) -> dict[str, Any]:
    """Everything about a model that fits a page: shape, labels with thresholds, figures, origin, files."""
    config = folder.config
    return {
        **summary(folder.path),
        "taxonomy_hash": folder.labels.taxonomy_hash,
        "encoder": {
            "layers": config.num_hidden_layers,
            "hidden": config.hidden_size,
            "vocabulary": config.vocab_size,
            "max_tokens": config.max_tokens,
            "window_overlap": config.window_overlap,
        },
        "thresholds": {"method": folder.thresholds.method, "shared": folder.thresholds.shared},
        "label_thresholds": {
            label: {"threshold": entry.threshold, "support": entry.support, "tuned": entry.tuned}
            for label, entry in folder.thresholds.labels.items()
        },
        "metrics": {
            name: {key: value.get(key) for key in ("paragraphs", *HEADLINE)}
            for name, value in optional_json(folder.file("metrics.json")).items()
            if "micro_f1" in value
        },
        "origin": optional_json(folder.file("training.json")).get("base_origin"),
        "files": {
            name: entry["bytes"] for name, entry in optional_json(folder.file(MANIFEST))["files"].items()
        },
    }


def optional_json(path: Path) -> dict[str, Any]:
    """A JSON object of a folder that was verified; empty where the folder lacks the file."""
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    return value if isinstance(value, dict) else {}
