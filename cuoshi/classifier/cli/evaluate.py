"""`cuoshi evaluate`: measure a model on labelled paragraphs, beside baselines, and write a report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuoshi.classifier.cli.options import JsonOption, Lang, LangOption, TaxonomyOption
from cuoshi.classifier.cli.output import emit_json, notice

if TYPE_CHECKING:
    from cuoshi.training.evaluate import Evaluation, Request

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
    text_column: Annotated[str, typer.Option("--text-column", help="Column of the texts.")] = "text",
    labels_column: Annotated[str, typer.Option("--labels-column", help="Column of the labels.")] = "labels",
    id_column: Annotated[str, typer.Option("--id-column", help="Column of the ids.")] = "id",
    wide: Annotated[bool, typer.Option("--wide", help="A column of 0 and 1 for every label.")] = False,
    min_support: Annotated[
        int,
        typer.Option("--min-support", min=0, help="Positives from which on a label counts in macro figures."),
    ] = 5,
    rounds: Annotated[
        int, typer.Option("--rounds", min=0, max=100_000, help="Resamples for the intervals; 0 for none.")
    ] = 1000,
    into_card: Annotated[
        str | None,
        typer.Option(
            "--into-card", metavar="NAME", help="Store the figures in the model folder, under this name."
        ),
    ] = None,
    lang: LangOption = Lang.zh,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads; all CPUs by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on labelled paragraphs, beside baselines.

    Exit codes: 0 done; 2 wrong usage; 3 bad data or model.
    """
    from cuoshi.training.data import Columns
    from cuoshi.training.evaluate import Request, check_name, store
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
    done = _evaluate(request)
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


def _evaluate(request: Request) -> Evaluation:
    """With progress where a person watches standard error."""
    from cuoshi.training.evaluate import evaluate_files

    if sys.stderr is None or not sys.stderr.isatty():
        return evaluate_files(request)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scoring", total=None)
        return evaluate_files(request, lambda done, total: bar.update(task, completed=done, total=total))
