"""`cuoshi label`: read articles, label their paragraphs, show or write the result."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuoshi.classifier.cli.options import (
    DeviceOption,
    Lang,
    LangOption,
    MeasuresOnlyOption,
    ModelOption,
    OnlyOption,
    ThreadsOption,
    ThresholdOption,
    TopKOption,
)
from cuoshi.classifier.cli.output import emit, notice, report
from cuoshi.classifier.errors import DataError, MissingExtraError, UsageError
from cuoshi.classifier.names import printable

if TYPE_CHECKING:
    from cuoshi.classifier.predict import Classifier, Selection
    from cuoshi.classifier.reading import Article
    from cuoshi.classifier.records import LabelledArticle, Wanted
    from cuoshi.classifier.views import Failure, View


class Format(str, Enum):
    """Formats of the output."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    md = "md"
    html = "html"


SUFFIXES = {
    ".json": Format.json,
    ".jsonl": Format.jsonl,
    ".csv": Format.csv,
    ".md": Format.md,
    ".html": Format.html,
    ".htm": Format.html,
    ".txt": Format.table,
}
RECORDS = (Format.json, Format.jsonl, Format.csv)


def label(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|FOLDER|-",
            help="Articles (.txt .md .html .htm .docx .pdf), folders of them, or - for standard input.",
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", "-t", help="Label this text, a paragraph a line.")
    ] = None,
    model: ModelOption = None,
    output_format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Format of the output; else by the suffix of --out, else table."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write into this file instead of standard output.")
    ] = None,
    lang: LangOption = Lang.zh,
    scores: Annotated[bool, typer.Option("--scores", help="Give the scores of all labels.")] = False,
    evidence: Annotated[
        bool, typer.Option("--evidence", "-e", help="Give the sentence that carries each label.")
    ] = False,
    group: Annotated[
        bool, typer.Option("--group", "-g", help="Roll labels up to their groups (table, md and html).")
    ] = False,
    threshold: ThresholdOption = None,
    top_k: TopKOption = None,
    only: OnlyOption = None,
    measures_only: MeasuresOnlyOption = False,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Encoding of the files, when it is known.")
    ] = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Label the paragraphs of articles with the measures they report.

    Exit codes: 0 done; 1 done, but some inputs failed and are listed; 2 wrong usage; 3 bad data or model.
    """
    from cuoshi.classifier.cli.inputs import find_inputs, read_inputs
    from cuoshi.classifier.cli.target import check_target
    from cuoshi.classifier.predict import Classifier, Selection
    from cuoshi.classifier.reading import read_text
    from cuoshi.classifier.records import Wanted
    from cuoshi.classifier.views import View

    if (text is None) == (not inputs):
        raise UsageError("give either files, folders or -, or a text with --text; see: cuoshi label --help")
    chosen = choose_format(output_format, out, group)
    check_encoding(encoding)
    selection = Selection(threshold, top_k, split_names(only))
    found = find_inputs(inputs or [])
    if out is not None:
        check_target(out, [item for item in found if isinstance(item, Path)])
    classifier = Classifier.load(model, device=device, threads=threads)
    if device != "auto" or not classifier.device.startswith("cpu"):
        notice(f"cuoshi: device {classifier.device}")
    classifier.check(selection)
    articles: Iterable[Article | Failure] = (
        read_inputs(found, encoding, shows_progress(len(found), out))
        if text is None
        else [read_text(printable(text), "text")]
    )
    wanted = Wanted(lang.value, scores, evidence)
    view = View(classifier.folder, lang.value, group, measures_only, scores, evidence)
    finish(view, chosen, label_each(classifier, articles, selection, wanted), out)


def choose_format(given: Format | None, out: Path | None, group: bool) -> Format:
    """The format that is asked for, else that of the suffix of ``out``, else the table.

    Raises:
        UsageError: the suffix says another format, or records are to be rolled up to groups.
    """
    named = SUFFIXES.get(out.suffix.lower()) if out is not None else None
    if given is not None and named is not None and given is not named:
        raise UsageError(f"--format {given.value}, but --out ends in {out.suffix if out else ''}; change one")
    chosen = given or named or Format.table
    if group and chosen in RECORDS:
        raise UsageError("records carry groups themselves; --group is for table, md and html")
    return chosen


def check_encoding(encoding: str | None) -> None:
    """Raise UsageError for an encoding that is not known."""
    from cuoshi.classifier.reading.decoding import canonical

    if encoding is not None and canonical(encoding) is None:
        raise UsageError(f"unknown --encoding '{encoding}'; use utf-8, gb18030, big5 or utf-16")


def split_names(values: list[str] | None) -> tuple[str, ...]:
    """Label ids from repeated options, each of which may hold several separated by commas.

    Raises:
        UsageError: there are options, but no id in them.
    """
    parts = (part.strip() for value in values or [] for part in value.replace("，", ",").split(","))
    names = tuple(part for part in parts if part)
    if values and not names:
        raise UsageError("--only names no label; see: cuoshi taxonomy list")
    return names


def shows_progress(number: int, out: Path | None) -> bool:
    """Whether a person watches standard error and the output does not come to the same place."""
    watched = sys.stderr is not None and sys.stderr.isatty()
    apart = out is not None or sys.stdout is None or not sys.stdout.isatty()
    return watched and apart and number > 1


def label_each(
    classifier: Classifier, articles: Iterable[Article | Failure], selection: Selection, wanted: Wanted
) -> Iterator[LabelledArticle | Failure]:
    """Label the articles as they come; one that cannot be labelled becomes a failure."""
    from cuoshi.classifier.records import label_article
    from cuoshi.classifier.views import Failure

    for article in articles:
        if isinstance(article, Failure):
            yield article
            continue
        try:
            yield label_article(classifier, article, selection, wanted)
        except DataError as error:
            yield Failure(article.file, f"{article.file}: {error}")


def finish(view: View, chosen: Format, items: Iterable[LabelledArticle | Failure], out: Path | None) -> None:
    """Report failures and stream JSON lines as they come; write everything else at the end."""
    from cuoshi.classifier.cli.target import write_target
    from cuoshi.classifier.views import Failure, render
    from cuoshi.classifier.views.terminal import terminal_text

    labelled: list[LabelledArticle] = []
    failures: list[Failure] = []
    streamed = 0
    for item in items:
        if isinstance(item, Failure):
            report(item.error)
            failures.append(item)
        elif chosen is Format.jsonl and out is None:
            emit(render(view, chosen.value, [item], []))
            streamed += 1
        else:
            labelled.append(item)
    for hint in dict.fromkeys(failure.hint for failure in failures if failure.hint):
        notice(f"cuoshi: {hint}")
    if not labelled and not streamed:
        only_extras = all(failure.hint for failure in failures)
        raise typer.Exit(MissingExtraError.exit_code if only_extras else DataError.exit_code)
    if out is not None:
        write_target(out, render(view, chosen.value, labelled, failures))
    elif chosen is Format.table:
        emit(terminal_text(view, labelled))
    elif labelled:
        emit(render(view, chosen.value, labelled, failures))
    if failures:
        raise typer.Exit(1)
