"""`cuoshi compare`: two models or two runs over the same paragraphs, label by label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuoshi.classifier.cli.options import (
    IdColumnOption,
    JsonOption,
    LabelsColumnOption,
    Lang,
    LangOption,
    MinSupportOption,
    RoundsOption,
    TextColumnOption,
    ThreadsOption,
    WideOption,
)
from cuoshi.classifier.cli.output import emit, emit_json

_SIDE_HELP = (
    "Folder or name of a model, or the JSONL of a run (cuoshi label --format jsonl, cuoshi annotate)."
)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=_SIDE_HELP)],
    b: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DATA]...",
            help="Paragraphs, labelled or not: what models are compared on, and gold labels for runs.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER|FILE",
            help="Write changes.jsonl and summary.json into this folder, or the changes into a .jsonl file.",
        ),
    ] = None,
    text_column: TextColumnOption = "text",
    labels_column: LabelsColumnOption = "labels",
    id_column: IdColumnOption = "id",
    wide: WideOption = False,
    min_support: MinSupportOption = 5,
    rounds: RoundsOption = 1000,
    lang: LangOption = Lang.zh,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two models or two runs: which paragraphs changed, and per label what was gained and lost.

    With gold labels: the difference of the figures with a paired bootstrap, and what was fixed and broken.

    Exit codes: 0 done; 2 wrong usage; 3 bad data or model.
    """
    from cuoshi.classifier.cli.progress import shown
    from cuoshi.classifier.cli.tables import print_tables
    from cuoshi.classifier.cli.target import check_target, write_target
    from cuoshi.training import compare as figures
    from cuoshi.training.data import Columns
    from cuoshi.training.figures import Settings
    from cuoshi.training.report import comparison
    from cuoshi.training.sides import pair_sides

    files = data or []
    to_file = out is not None and out.suffix.lower() == ".jsonl"
    if out is not None and to_file:
        check_target(out, [*files, *(Path(side) for side in (a, b) if Path(side).is_file())])
    elif out is not None:
        comparison.check_comparison(out)
    columns = Columns(id_column, text_column, labels_column, wide)
    with shown("scoring") as progress:
        pair = pair_sides(a, b, files, columns, lang.value, threads, progress)
    summary = figures.compare(pair, Settings(min_support, rounds))
    changed = figures.changes(pair)
    if out is not None and to_file:
        write_target(out, comparison.changes_text(changed))
    elif out is not None:
        comparison.write_comparison(out, summary, changed)
    if as_json:
        emit_json(summary)
        return
    emit("\n".join(comparison.head_lines(summary, lang.value)) + "\n\n")
    print_tables(comparison.comparison_tables(pair, summary, changed, lang.value), wrap=True)
