"""New thresholds for a model folder, from labelled paragraphs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.modelfolder import ModelFolder, file_hash, find_model, write_json, write_manifest
from cuoshi.classifier.predict import Classifier
from cuoshi.classifier.taxonomy import load_taxonomy
from cuoshi.training.card import write_card
from cuoshi.training.data import Columns, label_array, read_examples
from cuoshi.training.evaluate import check_taxonomy, score_examples
from cuoshi.training.metrics import headline
from cuoshi.training.parts import fresh_part, put_in_place
from cuoshi.training.recorded import recorded_split
from cuoshi.training.thresholds import limits_of, threshold_document
from cuoshi.training.wanted import Row, Wanted, choose, method_of, missed, parse_wanted


@dataclass(frozen=True)
class Retuned:
    """Thresholds chosen on labelled paragraphs, before anything is written.

    ``missed`` names labels that do not get what was wanted; ``before`` and ``after`` are the headline figures
    at the old and the new thresholds.
    """

    folder: ModelFolder
    paragraphs: int
    document: dict[str, Any]
    rows: list[Row]
    missed: list[str]
    before: dict[str, float]
    after: dict[str, float]


def retune(
    model: str,
    data: Sequence[Path],
    *,
    recall: Sequence[str] = (),
    precision: Sequence[str] = (),
    columns: Columns | None = None,
    taxonomy: Path | None = None,
    threads: int | None = None,
) -> Retuned:
    """Score labelled paragraphs once and choose thresholds.

    Args:
        model: folder of a model, or the name of a shipped one.
        data: files of labelled paragraphs; without any, the validation paragraphs of the model's training are
            found again.
        recall: wishes, each ``0.9`` for all labels or ``LABEL=0.9``.
        precision: the same.
        columns: which column of ``data`` is what.
        taxonomy: when given, has to be the one the model was made with.
        threads: for scoring.

    Raises:
        DataError: the data are malformed or have no label, or cannot be found again; or the taxonomy is not
            the model's.
        ModelError: the folder is missing or damaged.
        UsageError: a wish cannot be read.
    """
    classifier = Classifier.load(find_model(model), threads=threads)
    folder = classifier.folder
    if taxonomy is not None:
        check_taxonomy(classifier, load_taxonomy(taxonomy))
    wanted: list[Wanted] = [parse_wanted("recall", text, classifier.labels) for text in recall]
    wanted += [parse_wanted("precision", text, classifier.labels) for text in precision]
    _check_wishes(wanted)
    if data:
        files, examples = tuple(data), read_examples(data, folder.labels, columns)
    else:
        recorded = recorded_split(folder, "validation", columns)
        files, examples = recorded.files, recorded.examples
    gold = label_array((example.labels for example in examples), classifier.labels)
    if not gold.any():
        raise DataError(f"{', '.join(map(str, files))}: no paragraph has a label; give data with some")
    scores = score_examples(classifier, examples)
    current = {label: entry.threshold for label, entry in folder.thresholds.labels.items()}
    shared, rows = choose(scores, gold, current, wanted)
    entries = {row.label: row.entry() for row in rows}
    hashes = " ".join(file_hash(path) for path in files)
    return Retuned(
        folder,
        len(examples),
        threshold_document(method_of(wanted), hashes, shared, entries),
        rows,
        missed(rows, wanted),
        headline(scores >= classifier.thresholds, gold),
        headline(scores >= limits_of(list(entries.values())), gold),
    )


def _check_wishes(wanted: Sequence[Wanted]) -> None:
    """See that no label has two wishes."""
    seen: dict[str | None, Wanted] = {}
    for wish in wanted:
        if wish.label in seen:
            raise UsageError(f"two wishes for {wish.label or 'all labels'}; give one")
        seen[wish.label] = wish


def write_thresholds(found: Retuned) -> None:
    """Put thresholds into the model folder, with its card and manifest, as a whole or not at all."""
    folder = found.folder.path.resolve()
    part = fresh_part(folder)
    try:
        shutil.copytree(folder, part, dirs_exist_ok=True)
        write_json(part / "thresholds.json", found.document)
        if {"metrics.json", "training.json"} <= {path.name for path in part.iterdir()}:
            metrics = json.loads((part / "metrics.json").read_text(encoding="utf-8"))
            entry = {"paragraphs": found.paragraphs, "before": found.before, "after": found.after}
            write_json(part / "metrics.json", {**metrics, "thresholds": entry})
            write_card(part)
        write_manifest(part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    put_in_place(part, folder)
