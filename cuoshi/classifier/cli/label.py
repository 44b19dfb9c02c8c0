"""`cuoshi label`: read articles, label their paragraphs, show or write the result."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuoshi.classifier.errors import CuoshiError, DataError, UsageError

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


class Lang(str, Enum):
    """Languages of names."""

    zh = "zh"
    en = "en"


def label(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|FOLDER|-]...",
            help="Articles (.txt .md .html .htm .docx .pdf), folders of them, or - for standard input.",
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", "-t", help="Label this text, a paragraph a line.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Folder of a model, or the name of a shipped one.")
    ] = None,
    output_format: Annotated[
        Format, typer.Option("--format", "-f", help="Format of the output.")
    ] = Format.table,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write into this file instead of standard output.")
    ] = None,
    lang: Annotated[Lang, typer.Option("--lang", "-l", help="Language of labels and headings.")] = Lang.zh,
    scores: Annotated[bool, typer.Option("--scores", help="Give the scores of all labels.")] = False,
    evidence: Annotated[
        bool, typer.Option("--evidence", "-e", help="Give the sentence that carries each label.")
    ] = False,
    group: Annotated[bool, typer.Option("--group", "-g", help="Roll labels up to their groups.")] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=0, max=1, help="One threshold for all labels instead of the model's own."
        ),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("--top-k", "-k", min=1, help="At most this many labels a paragraph.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only these labels (repeat it or separate them by commas)."),
    ] = None,
    measures_only: Annotated[
        bool, typer.Option("--measures-only", help="Leave out paragraphs without a measure.")
    ] = False,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Encoding of the files, when it is known.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads; all CPUs by default.")
    ] = None,
) -> None:
    """Label the paragraphs of articles with the measures they report.

    Exit codes: 0 done; 1 done, but some inputs failed and are listed; 2 wrong usage; 3 bad data or model.
    """
    from cuoshi.classifier.predict import Classifier, Selection
    from cuoshi.classifier.records import Wanted
    from cuoshi.classifier.views import View

    if (text is None) == (not inputs):
        raise UsageError("give either files, folders or -, or a text with --text; see: cuoshi label --help")
    classifier = Classifier.load(model, threads=threads)
    selection = Selection(threshold, top_k, split_names(only or []))
    classifier.check(selection)
    articles, failures = read_inputs(inputs or [], text, encoding)
    wanted = Wanted(lang.value, scores, evidence)
    labelled = label_all(classifier, articles, selection, wanted, failures)
    for failure in failures:
        typer.echo(f"cuoshi: error: {failure.error}", err=True)
    if not labelled:
        raise typer.Exit(DataError.exit_code)
    view = View(classifier.folder, lang.value, group, measures_only, scores)
    write(view, output_format, labelled, failures, out)
    if failures:
        raise typer.Exit(1)


def split_names(values: list[str]) -> tuple[str, ...]:
    """Label ids from repeated options, each of which may hold several separated by commas."""
    return tuple(
        name.strip() for value in values for name in value.replace("，", ",").split(",") if name.strip()
    )


def read_inputs(
    inputs: list[str], text: str | None, encoding: str | None
) -> tuple[list[Article], list[Failure]]:
    """Read every input; what cannot be read is reported beside the articles that can."""
    from cuoshi.classifier.reading import find_files, read_bytes, read_file, read_text
    from cuoshi.classifier.views import Failure

    if text is not None:
        whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # argv may hold any bytes
        return [read_text(whole, "text")], []
    articles: list[Article] = []
    failures: list[Failure] = []
    for name in inputs:
        try:
            if name == "-":
                articles.append(read_bytes(sys.stdin.buffer.read(), "-", encoding=encoding))
                continue
            paths = find_files([Path(name)])
        except CuoshiError as error:
            failures.append(Failure(name, str(error)))
            continue
        for path in paths:
            try:
                articles.append(read_file(path, encoding=encoding))
            except CuoshiError as error:
                failures.append(Failure(str(path), str(error)))
    return articles, failures


def label_all(
    classifier: Classifier,
    articles: list[Article],
    selection: Selection,
    wanted: Wanted,
    failures: list[Failure],
) -> list[LabelledArticle]:
    """Label every article; one that cannot be labelled joins the failures."""
    from cuoshi.classifier.records import label_article
    from cuoshi.classifier.views import Failure

    labelled = []
    for article in articles:
        try:
            labelled.append(label_article(classifier, article, selection, wanted))
        except DataError as error:
            failures.append(Failure(article.file, f"{article.file}: {error}"))
    return labelled


def write(
    view: View,
    output_format: Format,
    labelled: list[LabelledArticle],
    failures: list[Failure],
    out: Path | None,
) -> None:
    """Show the table on the terminal, or write any format into a file or standard output."""
    from cuoshi.classifier.views import render, show_table

    if output_format is Format.table and out is None:
        show_table(view, labelled)
        return
    result = render(view, output_format.value, labelled, failures)
    if out is None:
        sys.stdout.write(result)
        return
    part = out.with_name(out.name + ".part")
    try:
        part.write_text(result, encoding="utf-8", newline="")
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another --out") from None
