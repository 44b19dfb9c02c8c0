"""Measure a model folder on labelled paragraphs; the figures that a card and a report show.

python -m cuoshi.training.evaluate models/measures-zh DATA.jsonl --name real --into-card
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.modelfolder import write_json, write_manifest
from cuoshi.classifier.predict import Classifier
from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.card import write_card
from cuoshi.training.data import Example, read_examples, targets
from cuoshi.training.metrics import (
    MIN_SUPPORT,
    Decisions,
    Values,
    bootstrap_interval,
    calibration_error,
    exact_match,
    f1_per_label,
    headline,
    macro_f1,
    micro_f1,
    no_measure_f1,
)

HEADLINE = {
    "micro_f1": micro_f1,
    "macro_f1": macro_f1,
    "exact_match": exact_match,
    "no_measure_f1": no_measure_f1,
}


def score_examples(classifier: Classifier, examples: list[Example]) -> Values:
    """Scores ``[paragraphs, labels]``."""
    scored = classifier.score([example.text for example in examples])
    return np.stack([row.scores for row in scored]).astype(np.float64)


def evaluate(scores: Values, gold: Decisions, thresholds: Values, labels: tuple[str, ...]) -> dict[str, Any]:
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
    figures["intervals"] = {name: bootstrap_interval(f, predicted, gold) for name, f in HEADLINE.items()}
    figures["at_half"] = headline(scores >= 0.5, gold)
    figures["calibration_error"] = calibration_error(scores, gold)
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
    examples: list[Example], scores: Values, gold: Decisions, thresholds: Values, column: str
) -> dict[str, Any]:
    """Headline figures for every value of a column of the data."""
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
        DataError: the data are malformed, or the taxonomy is not the model's.
        ModelError: the folder is damaged.
    """
    classifier = Classifier.load(model)
    if classifier.folder.labels.taxonomy_hash != taxonomy.hash:
        raise DataError(
            f"{model}: was made with another taxonomy ({classifier.folder.labels.taxonomy_hash[:12]}, "
            f"not {taxonomy.hash[:12]}); give the taxonomy it was made with"
        )
    examples = read_examples(data, taxonomy)
    gold = targets(examples, taxonomy.ids) > 0.5
    scores = score_examples(classifier, examples)
    thresholds = classifier.thresholds.astype(np.float64)
    figures = evaluate(scores, gold, thresholds, taxonomy.ids)
    for column in columns:
        figures[f"by_{column}"] = by_column(examples, scores, gold, thresholds, column)
    return figures


def main(
    model: Annotated[Path, typer.Argument(help="Model folder.")],
    data: Annotated[list[Path], typer.Argument(help="JSONL files of labelled paragraphs.")],
    name: Annotated[str, typer.Option(help="Name of the data set in metrics.json.")] = "test",
    by: Annotated[list[str] | None, typer.Option(help="Column to break the figures down by.")] = None,
    into_card: Annotated[bool, typer.Option(help="Store the figures in the model folder.")] = False,
    taxonomy: Annotated[Path | None, typer.Option(help="Taxonomy file.")] = None,
) -> None:
    """Print the figures of a model on labelled paragraphs as JSON."""
    chosen = load_taxonomy(taxonomy)
    figures = evaluate_folder(model, data, chosen, tuple(by or ()))
    typer.echo(json.dumps(figures, ensure_ascii=False, indent=2))
    if into_card:
        path = model / "metrics.json"
        write_json(path, {**json.loads(path.read_text(encoding="utf-8")), name: figures})
        write_card(model, chosen)
        write_manifest(model)


if __name__ == "__main__":
    typer.run(main)
