"""Measure the baseline that a model has to beat: character TF-IDF with a linear SVM.

Run by hand: ``python benchmarks/baseline_tfidf.py labels/corpus/{train,validation,test}.jsonl``. Prints the
headline figures on the test file as JSON; thresholds are tuned on the validation file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cuoshi.classifier.cli.guard import guarded
from cuoshi.classifier.taxonomy import load_taxonomy
from cuoshi.training.baselines import tfidf_decisions
from cuoshi.training.data import label_array, read_examples
from cuoshi.training.metrics import headline

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    train: Annotated[Path, typer.Argument(help="JSONL to learn from.")],
    validation: Annotated[Path, typer.Argument(help="JSONL to tune thresholds on.")],
    test: Annotated[Path, typer.Argument(help="JSONL to measure on.")],
    taxonomy: Annotated[Path | None, typer.Option(help="Taxonomy file.")] = None,
) -> None:
    """Print the headline figures of the baseline."""
    labels = load_taxonomy(taxonomy)
    rows = [read_examples([path], labels) for path in (train, validation, test)]
    predicted = tfidf_decisions(rows[0], rows[1], rows[2], labels.ids)
    gold = label_array((example.labels for example in rows[2]), labels.ids)
    typer.echo(json.dumps({"paragraphs": len(gold), **headline(predicted, gold)}, indent=2))


if __name__ == "__main__":
    guarded(app)
