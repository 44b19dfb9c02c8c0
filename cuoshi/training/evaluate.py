"""Measure a model folder on labelled paragraphs; the figures that a report and a card show."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cuoshi import __version__
from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.modelfolder import Labels, file_hash, write_json, write_manifest
from cuoshi.classifier.predict import MAX_CHARACTERS, Classifier
from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.baselines import baseline_figures
from cuoshi.training.card import write_card
from cuoshi.training.data import Columns, Example, label_array, read_examples
from cuoshi.training.figures import Settings, by_column, figures_of
from cuoshi.training.metrics import Decisions
from cuoshi.training.parts import fresh_part, put_in_place
from cuoshi.training.thresholds import Scores

SCHEMA_VERSION = "1.0"  # of metrics.json
RESERVED = ("calibration", "int8", "thresholds", "validation")  # what export writes into metrics.json
_AT_ONCE = 512  # paragraphs scored between two reports of progress

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Request:
    """What to evaluate: a model by folder or name, files of labelled paragraphs, columns to break down by.

    ``train`` and ``validation`` are what the TF-IDF baseline learns from and is tuned on.
    """

    model: str | Path
    data: tuple[Path, ...]
    taxonomy: Path | None = None
    columns: Columns = field(default_factory=Columns)
    by: tuple[str, ...] = ()
    train: tuple[Path, ...] = ()
    validation: tuple[Path, ...] = ()
    settings: Settings = field(default_factory=Settings)
    threads: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """What a model said of labelled paragraphs, and the figures of it.

    ``scores`` and ``gold`` are ``[paragraphs, labels]``, ``thresholds`` ``[labels]``, columns in the order of
    the taxonomy; ``figures`` is what goes into ``metrics.json``; ``model`` is the folder.
    """

    model: Path
    taxonomy: Taxonomy
    examples: list[Example]
    gold: Decisions
    scores: Scores
    thresholds: Scores
    figures: dict[str, Any]

    @property
    def predicted(self) -> Decisions:
        return self.scores >= self.thresholds


def score_examples(
    classifier: Classifier, examples: Sequence[Example], progress: Progress | None = None
) -> Scores:
    """Scores ``[paragraphs, labels]``; ``progress`` is told how many of how many are done.

    Raises:
        DataError: a paragraph is too long to be one.
    """
    for example in examples:
        if len(example.text) > MAX_CHARACTERS:
            raise DataError(
                f"{example.where or example.id}: {len(example.text):,} characters (at most "
                f"{MAX_CHARACTERS:,}); split the text into paragraphs, a row each"
            )
    scores = np.zeros((len(examples), len(classifier.labels)), dtype=np.float32)
    for first in range(0, len(examples), _AT_ONCE):
        part = classifier.score([example.text for example in examples[first : first + _AT_ONCE]])
        scores[first : first + len(part)] = [row.scores for row in part]
        if progress is not None:
            progress(first + len(part), len(examples))
    return scores


def find_taxonomy(labels: Labels, path: Path | None) -> Taxonomy:
    """The taxonomy to read data with: the one given, else the shipped one where the model is made with it.

    For another model it is what the model folder holds: names and groups, without terms or definitions.

    Raises:
        TaxonomyError: the file is faulty.
    """
    chosen = load_taxonomy(path)
    if path is not None or chosen.hash == labels.taxonomy_hash:
        return chosen
    return Taxonomy.model_validate(
        {
            "name": labels.taxonomy,
            "version": labels.taxonomy_version,
            "groups": [{"id": g.id, "name": g.name, "color": g.color or "default"} for g in labels.groups],
            "labels": [{"id": label.id, "group": label.group, "name": label.name} for label in labels.labels],
        }
    )


def check_taxonomy(classifier: Classifier, taxonomy: Taxonomy) -> None:
    """See that a model was made with a taxonomy.

    Raises:
        DataError: it was made with another one.
    """
    labels = classifier.folder.labels
    if labels.taxonomy_hash != taxonomy.hash:
        raise DataError(
            f"{classifier.folder.path}: was made with another taxonomy ({labels.taxonomy} "
            f"{labels.taxonomy_version}, {labels.taxonomy_hash[:12]}, not {taxonomy.name} "
            f"{taxonomy.version}, {taxonomy.short_hash}); give the taxonomy it was made with"
        )


def evaluate_examples(
    classifier: Classifier,
    examples: list[Example],
    taxonomy: Taxonomy,
    columns: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score labelled paragraphs once and take all figures from the scores.

    Args:
        classifier: the model.
        examples: at least one labelled paragraph.
        taxonomy: the labels, in the model's order.
        columns: columns of the data to break the figures down by.
        settings: of the figures.
        progress: told how many paragraphs of how many are scored.

    Raises:
        DataError: a paragraph is too long to be one.
        UsageError: a column is not in the data.
    """
    chosen = settings or Settings()
    check_columns(examples, columns)
    gold = label_array((example.labels for example in examples), taxonomy.ids)
    scores = score_examples(classifier, examples, progress)
    limits = classifier.thresholds
    figures = figures_of(scores, gold, limits, taxonomy, chosen)
    for column in columns:
        values = [column_value(example, column) for example in examples]
        figures[f"by_{column}"] = by_column(values, scores >= limits, gold, chosen)
    return Evaluation(classifier.folder.path, taxonomy, examples, gold, scores, limits, figures)


def evaluate_files(request: Request, progress: Progress | None = None) -> Evaluation:
    """Evaluate a model and the baselines on files of labelled paragraphs.

    Raises:
        DataError: the data are malformed or empty, or the taxonomy is not the model's.
        ModelError: the folder is missing or damaged.
        UsageError: a column is not in the data, or there are validation data without training data.
    """
    if request.validation and not request.train:
        raise UsageError("--validation tunes a baseline that needs --train; give both")
    classifier = Classifier.load(request.model, threads=request.threads)
    taxonomy = find_taxonomy(classifier.folder.labels, request.taxonomy)
    if request.taxonomy is not None:
        check_taxonomy(classifier, taxonomy)
    examples = read_examples(request.data, classifier.folder.labels, request.columns)
    train, validation = (
        read_examples(paths, classifier.folder.labels, request.columns) if paths else None
        for paths in (request.train, request.validation)
    )
    done = evaluate_examples(classifier, examples, taxonomy, request.by, request.settings, progress)
    about = {
        "schema_version": SCHEMA_VERSION,
        "cuoshi": __version__,
        "model": classifier.folder.model,
        "model_hash": classifier.folder.hash,
        "taxonomy": classifier.folder.taxonomy,
        "taxonomy_hash": classifier.folder.labels.taxonomy_hash,
        "data": [{"file": path.name, "sha256": file_hash(path)} for path in request.data],
    }
    against = {
        "baseline_frequencies": "data" if train is None else "train",
        "train_overlap": None if train is None else overlap(examples, train),
        "baselines": baseline_figures(examples, taxonomy, request.settings, train, validation),
    }
    return replace(done, figures={**about, **done.figures, **against})


def overlap(examples: Sequence[Example], train: Sequence[Example]) -> int:
    """How many paragraphs stand, word for word, in the training data of a baseline too."""
    known = {example.text for example in train}
    return sum(example.text in known for example in examples)


def check_columns(examples: Sequence[Example], columns: Sequence[str]) -> None:
    """See that some paragraph has each column.

    Raises:
        UsageError: none has it.
    """
    for column in columns:
        if not any(column in example.meta for example in examples):
            known = ", ".join(sorted({key for example in examples for key in example.meta})) or "none"
            raise UsageError(f"--by {column}: no such column in the data; its columns are: {known}")


def column_value(example: Example, column: str) -> str:
    """The value of a column as text; empty where the paragraph has none."""
    value = example.meta.get(column)
    if isinstance(value, list):
        return "|".join(map(str, value))
    return "" if value is None else str(value)


def store(model: Path, taxonomy: Taxonomy, name: str, figures: dict[str, Any]) -> None:
    """Put figures into ``metrics.json`` and the card of a model folder, as a whole or not at all.

    Raises:
        UsageError: the taxonomy is not the whole one that the model was made with, which the card tells of.
    """
    if json.loads((model / "labels.json").read_text(encoding="utf-8"))["taxonomy_hash"] != taxonomy.hash:
        raise UsageError(
            "--into-card needs the taxonomy that the model was made with; give it with --taxonomy"
        )
    folder = model.resolve()
    part = fresh_part(folder)
    shutil.copytree(folder, part, dirs_exist_ok=True)
    metrics = json.loads((part / "metrics.json").read_text(encoding="utf-8"))
    write_json(part / "metrics.json", {**metrics, name: figures})
    write_card(part)
    write_manifest(part)
    put_in_place(part, folder)


def check_name(name: str) -> None:
    """See that a data set can have a name in ``metrics.json``.

    Raises:
        UsageError: the name is empty or belongs to figures of the training.
    """
    if not name.strip() or name in RESERVED:
        raise UsageError(
            f"--into-card '{name}': is taken by figures of the training; choose another, such as test"
        )
