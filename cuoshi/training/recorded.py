"""The paragraphs that a model was made from, found again by what its folder says of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.modelfolder import ModelFolder, file_hash
from cuoshi.training.data import Columns, Example, read_examples


@dataclass(frozen=True)
class Recorded:
    """The paragraphs of a split and the files that they stand in."""

    examples: list[Example]
    files: tuple[Path, ...]


def recorded_split(folder: ModelFolder, split: str, given: Columns | None = None) -> Recorded:
    """Read a split of a model's training again.

    ``training.json`` names the files with their SHA-256, relative to where the training ran, and
    ``splits.json`` the ids.

    Args:
        folder: of the model.
        split: train, validation or test.
        given: columns that somebody asked for, which must be the usual ones; the training had its own.

    Raises:
        DataError: the folder has no such record or split, or a file is not where it was or has changed.
        UsageError: columns were asked for.
    """
    if given is not None and given != Columns():
        raise UsageError("options of columns go with DATA; without it the columns are those of the training")
    made_from, ids = (_json(folder.path / name) for name in ("training.json", "splits.json"))
    wanted = ids.get(split)
    if not wanted or "data_sha256" not in made_from:
        what = f"no record of its {split} paragraphs" if wanted is None else f"no {split} paragraphs"
        raise DataError(f"{folder.path}: has {what}; give DATA, files of labelled paragraphs")
    # Splits made from, or marked in, the training files have no files of their own.
    files = tuple(map(Path, made_from.get(split) or made_from["train"]))
    for path in files:
        _check_file(folder, split, path, made_from["data_sha256"].get(str(path)))
    columns = Columns(
        made_from["id_column"], made_from["text_column"], made_from["labels_column"], made_from["wide"]
    )
    chosen = set(wanted)
    found = [example for example in read_examples(files, folder.labels, columns) if example.id in chosen]
    if len(found) != len(chosen):
        raise DataError(
            f"{folder.path}: only {len(found):,} of its {len(chosen):,} {split} paragraphs stand in "
            f"{', '.join(map(str, files))}; give DATA, files of labelled paragraphs"
        )
    return Recorded(found, files)


def _check_file(folder: ModelFolder, split: str, path: Path, digest: str | None) -> None:
    if not path.is_file():
        trouble = "which is not there (a path is relative to where the model was trained)"
    elif file_hash(path) != digest:
        trouble = "which has changed since"
    else:
        return
    raise DataError(
        f"{folder.path}: its {split} paragraphs stand in {path}, {trouble}; give DATA, files of labelled "
        "paragraphs"
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    return value if isinstance(value, dict) else {}
