"""`cuoshi thresholds`: choose a model's thresholds on labelled paragraphs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuoshi.classifier.cli.options import (
    IdColumnOption,
    JsonOption,
    LabelsColumnOption,
    TextColumnOption,
    ThreadsOption,
    WideOption,
)
from cuoshi.classifier.cli.output import emit, emit_json, notice

if TYPE_CHECKING:
    from cuoshi.training.retune import Retuned


def thresholds(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Folder of a model, or the name of a shipped one.")
    ],
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DATA",
            help="Labelled paragraphs: JSONL, CSV or Parquet; without any, "
            "those that the model was validated on.",
        ),
    ] = None,
    recall: Annotated[
        list[str] | None,
        typer.Option(
            "--recall", metavar="[LABEL=]X", help="A wanted recall, of one label or of all; repeatable."
        ),
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option("--precision", metavar="[LABEL=]X", help="A wanted precision, in the same way."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the thresholds; write nothing.")] = False,
    taxonomy: Annotated[
        Path | None,
        typer.Option("--taxonomy", metavar="FILE", help="Check that the model was made with this one."),
    ] = None,
    text_column: TextColumnOption = "text",
    labels_column: LabelsColumnOption = "labels",
    id_column: IdColumnOption = "id",
    wide: WideOption = False,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose the thresholds of a model on labelled paragraphs and write them into its folder.

    Without a wish each label gets the threshold of its best F1; labels with few positives share one. Use data
    that the model has not learned from. Without DATA the validation paragraphs of the training are found
    again.

    Exit codes: 0 done; 2 wrong usage; 3 bad data or model.
    """
    from cuoshi.training.data import Columns
    from cuoshi.training.retune import retune, write_thresholds

    found = retune(
        model,
        data or (),
        recall=recall or (),
        precision=precision or (),
        columns=Columns(id_column, text_column, labels_column, wide),
        taxonomy=taxonomy,
        threads=threads,
    )
    if not dry_run:
        write_thresholds(found)
    if as_json:
        emit_json({**found.document, "before": found.before, "after": found.after})
    else:
        _print(found)
    if found.missed:
        notice(
            f"cuoshi: warning: {len(found.missed)} labels do not reach what was wanted:"
            f" {', '.join(found.missed)}; "
            "a wish of their own, LABEL=X, overrides the shared threshold"
        )
    where = found.folder.path
    notice(f"{where}: nothing written (--dry-run)" if dry_run else f"{where}: thresholds written")


def _print(found: Retuned) -> None:
    from cuoshi.classifier.cli.tables import print_tables
    from cuoshi.training.tables import Table, figure

    header = ("label", "", "positives", "threshold", "was", "precision", "recall", "F1", "F1 was")
    rows = [
        (
            row.label,
            "" if row.basis == "own" else row.basis,
            str(row.support),
            f"{row.after:.3f}",
            f"{row.before:.3f}",
            *(figure(value) for value in row.figures_after),
            figure(row.figures_before[2]),
        )
        for row in found.rows
    ]
    print_tables([Table(f"{found.paragraphs:,} paragraphs", header, tuple(rows), names=2)])
    for key, name in (("micro_f1", "micro-F1"), ("macro_f1", "macro-F1"), ("exact_match", "exact match")):
        emit(f"{name} {figure(found.before[key])}, now {figure(found.after[key])}\n")
