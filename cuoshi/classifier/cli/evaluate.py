"""`cuoshi evaluate`: measure a model on labelled paragraphs, beside baselines, and write a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuoshi.classifier.cli.options import (
    IdColumnOption,
    JsonOption,
    LabelsColumnOption,
    Lang,
    LangOption,
    MinSupportOption,
    RoundsOption,
    TaxonomyOption,
    TextColumnOption,
    ThreadsOption,
    WideOption,
)
from cuoshi.classifier.cli.output import emit_json, notice

if TYPE_CHECKING:
    from cuoshi.training.evaluate import Evaluation

_DATA_HELP = "Labelled paragraphs: JSONL, CSV or Parquet with a text and its labels."


def evaluate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Folder of a model, or the name of a shipped one.")
    ],
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help=_DATA_HELP)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Write metrics.json, per_label.csv, errors.jsonl and report.html into this folder.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", metavar="COLUMN", help="Break the figures down by a column; repeatable."),
    ] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option(
            "--train", metavar="FILE", help="Data for the TF-IDF baseline to learn from; repeatable."
        ),
    ] = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option("--validation", metavar="FILE", help="Data to tune that baseline on; repeatable."),
    ] = None,
    taxonomy: TaxonomyOption = None,
    text_column: TextColumnOption = "text",
    labels_column: LabelsColumnOption = "labels",
    id_column: IdColumnOption = "id",
    wide: WideOption = False,
    min_support: MinSupportOption = 5,
    rounds: RoundsOption = 1000,
    into_card: Annotated[
        str | None,
        typer.Option(
            "--into-card", metavar="NAME", help="Store the figures in the model folder, under this name."
        ),
    ] = None,
    lang: LangOption = Lang.zh,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on labelled paragraphs, beside baselines.

    Exit codes: 0 done; 2 wrong usage; 3 bad data or model.
    """
    from cuoshi.classifier.cli.progress import shown
    from cuoshi.training.data import Columns
    from cuoshi.training.evaluate import Request, check_name, evaluate_files, store
    from cuoshi.training.figures import Settings
    from cuoshi.training.report.files import check_report, write_report

    if into_card is not None:
        check_name(into_card)
    if out is not None:
        check_report(out)
    request = Request(
        model=model,
        data=tuple(data),
        taxonomy=taxonomy,
        columns=Columns(id_column, text_column, labels_column, wide),
        by=tuple(by or ()),
        train=tuple(train or ()),
        validation=tuple(validation or ()),
        settings=Settings(min_support, rounds),
        threads=threads,
    )
    with shown("scoring") as progress:
        done = evaluate_files(request, progress)
    if into_card is not None:
        store(done.model, done.taxonomy, into_card, done.figures)
    if out is not None:
        write_report(out, done, lang.value)
    if as_json:
        emit_json(done.figures)
    else:
        _print(done, lang)


def _print(done: Evaluation, lang: Lang) -> None:
    from cuoshi.classifier.cli.tables import print_tables
    from cuoshi.training.report.summary import all_tables, notes

    print_tables(all_tables(done.figures, done.taxonomy, lang.value), wrap=True)
    for line in notes(done.figures, lang.value):
        notice(line)
