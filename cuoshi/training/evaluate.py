"""Measure a model folder on labelled paragraphs; the figures that a card and a report show.

python -m cuoshi.training.evaluate models/measures-zh DATA.jsonl --name real --into-card
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from cuoshi.classifier.cli.guard import guarded
from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.modelfolder import find_model, write_json, write_manifest
from cuoshi.classifier.predict import Classifier
from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.card import write_card
from cuoshi.training.data import Example, label_array, read_examples
from cuoshi.training.metrics import (
    MIN_SUPPORT,
    Decisions,
    bootstrap_interval,
    calibration_error,
    f1_per_label,
    headline,
    headline_intervals,
)
from cuoshi.training.parts import fresh_part, put_in_place
from cuoshi.training.thresholds import Scores

RESERVED = ("int8", "validation")  # what export writes into metrics.json

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def score_examples(classifier: Classifier, examples: list[Example]) -> Scores:
    """Scores ``[paragraphs, labels]``."""
    scored = classifier.score([example.text for example in examples])
    return np.stack([row.scores for row in scored])


def evaluate(scores: Scores, gold: Decisions, thresholds: Scores, labels: tuple[str, ...]) -> dict[str, Any]:
    """All figures of one data set.

    Args:
        scores: ``[paragraphs, labels]``.
        gold: what is true, of the same shape.
        thresholds: one a label.
        labels: ids, in the order of the columns.

    Returns:
        Headline figures at the thresholds with 95 % bootstrap intervals, the same at 0.5, the calibration
        error, and a row of precision, recall, F1 and support a label.
    """
    predicted = scores >= thresholds
    figures: dict[str, Any] = {
        "paragraphs": len(gold),
        "min_support": MIN_SUPPORT,
        **headline(predicted, gold),
    }
    figures["intervals"] = headline_intervals(predicted, gold)
    figures["at_half"] = headline(scores >= 0.5, gold)
    figures["calibration_error"] = calibration_error(scores.astype(np.float64), gold)
    hits = (predicted & gold).sum(axis=0)
    precision = hits / np.maximum(predicted.sum(axis=0), 1)
    recall = hits / np.maximum(gold.sum(axis=0), 1)
    f1 = f1_per_label(predicted, gold)
    figures["labels"] = {
        label: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(gold[:, i].sum()),
            "interval": bootstrap_interval(
                lambda p, g: float(f1_per_label(p, g)[0]), predicted[:, [i]], gold[:, [i]], rounds=500
            ),
        }
        for i, label in enumerate(labels)
    }
    return figures


def by_column(
    examples: list[Example], scores: Scores, gold: Decisions, thresholds: Scores, column: str
) -> dict[str, Any]:
    """Headline figures for every value of a column of the data.

    Raises:
        UsageError: no paragraph has the column.
    """
    if not any(column in example.meta for example in examples):
        known = ", ".join(sorted({key for example in examples for key in example.meta})) or "none"
        raise UsageError(f"--by {column}: no such column in the data; its columns are: {known}")
    values = [str(example.meta.get(column, "")) for example in examples]
    result = {}
    for value in sorted(set(values)):
        rows = np.array([v == value for v in values])
        result[value] = {
            "paragraphs": int(rows.sum()),
            **headline(scores[rows] >= thresholds, gold[rows]),
        }
    return result


def evaluate_folder(
    model: Path, data: list[Path], taxonomy: Taxonomy, columns: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Evaluate a model folder on JSONL files.

    Raises:
        DataError: the data are malformed or empty, or the taxonomy is not the model's.
        ModelError: the folder is missing or damaged.
        UsageError: a column is not in the data.
    """
    classifier = Classifier.load(model)
    if classifier.folder.labels.taxonomy_hash != taxonomy.hash:
        raise DataError(
            f"{model}: was made with another taxonomy ({classifier.folder.labels.taxonomy_hash[:12]}, "
            f"not {taxonomy.hash[:12]}); give the taxonomy it was made with"
        )
    examples = read_examples(data, taxonomy)
    gold = label_array((example.labels for example in examples), taxonomy.ids)
    scores = score_examples(classifier, examples)
    figures = evaluate(scores, gold, classifier.thresholds, taxonomy.ids)
    for column in columns:
        figures[f"by_{column}"] = by_column(examples, scores, gold, classifier.thresholds, column)
    return figures


def store(model: Path, taxonomy: Taxonomy, name: str, figures: dict[str, Any]) -> None:
    """Put figures into ``metrics.json`` and the card of a model folder, as a whole or not at all."""
    folder = model.resolve()
    part = fresh_part(folder)
    shutil.copytree(folder, part, dirs_exist_ok=True)
    metrics = json.loads((part / "metrics.json").read_text(encoding="utf-8"))
    write_json(part / "metrics.json", {**metrics, name: figures})
    write_card(part, taxonomy)
    write_manifest(part)
    put_in_place(part, folder)


def check_name(name: str) -> None:
    """See that a data set can have a name in ``metrics.json``.

    Raises:
        UsageError: the name is empty or belongs to figures of the training.
    """
    if not name.strip() or name in RESERVED:
        raise UsageError(
            f"--name '{name}': is taken by figures of the training; choose another, such as test"
        )


@app.command()
def main(
    model: Annotated[str, typer.Argument(help="Model folder, or name of a shipped model.")],
    data: Annotated[list[Path], typer.Argument(help="JSONL files of labelled paragraphs.")],
    name: Annotated[str, typer.Option(help="Name of the data set in metrics.json.")] = "test",
    by: Annotated[list[str] | None, typer.Option(help="Column to break the figures down by.")] = None,
    into_card: Annotated[bool, typer.Option(help="Store the figures in the model folder.")] = False,
    taxonomy: Annotated[Path | None, typer.Option(help="Taxonomy file.")] = None,
) -> None:
    """Print the figures of a model on labelled paragraphs as JSON."""
    check_name(name)
    folder = find_model(model)
    chosen = load_taxonomy(taxonomy)
    figures = evaluate_folder(folder, data, chosen, tuple(by or ()))
    typer.echo(json.dumps(figures, ensure_ascii=False, indent=2))
    if into_card:
        store(folder, chosen, name, figures)


if __name__ == "__main__":
    guarded(app)
