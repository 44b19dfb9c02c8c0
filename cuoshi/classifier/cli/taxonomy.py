"""`cuoshi taxonomy`: look up the labels, check a taxonomy of one's own, write the codebook page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuoshi.classifier.cli.options import JsonOption, Lang, LangOption, TaxonomyOption
from cuoshi.classifier.cli.output import emit, emit_json

if TYPE_CHECKING:
    from rich.console import Console

    from cuoshi.classifier.crosswalk import CrosswalkRow
    from cuoshi.classifier.taxonomy_show import Line

app = typer.Typer(
    help="Look up the labels, check a taxonomy file, write the codebook page.", no_args_is_help=True
)


class SchemeName(str, Enum):
    """Other schemes of measures."""

    who_phsm = "who_phsm"
    oxcgrt = "oxcgrt"
    coronanet = "coronanet"
    cccsl = "cccsl"


@app.command("list")
def list_labels(
    lang: LangOption = Lang.zh, as_json: JsonOption = False, taxonomy: TaxonomyOption = None
) -> None:
    """List the labels by group."""
    from rich.console import Console

    from cuoshi.classifier import taxonomy_show as show
    from cuoshi.classifier.taxonomy import load_taxonomy

    loaded = load_taxonomy(taxonomy)
    console = Console(highlight=False)
    if as_json:
        emit_json(show.overview(loaded))
    elif console.is_terminal:
        _print_lines(console, show.list_lines(loaded, lang.value, console.width))
    else:
        _print_rows(show.list_rows(loaded, lang.value))


@app.command("show")
def show_label(
    label: Annotated[str, typer.Argument(help="The id of a label, such as testing.")],
    lang: LangOption = Lang.zh,
    as_json: JsonOption = False,
    taxonomy: TaxonomyOption = None,
) -> None:
    """Show what a label means, with examples and its counterparts in other schemes."""
    from rich.console import Console

    from cuoshi.classifier import taxonomy_show as show
    from cuoshi.classifier.crosswalk import load_crosswalk
    from cuoshi.classifier.taxonomy import load_taxonomy

    loaded = load_taxonomy(taxonomy)
    rows = [] if taxonomy else load_crosswalk()
    if as_json:
        emit_json(show.label_data(loaded, label, rows))
        return
    console = Console(highlight=False)
    _print_lines(console, show.describe(loaded, label, lang.value, rows))


@app.command("check")
def check_file(file: Annotated[Path, typer.Argument(help="A taxonomy in YAML.")]) -> None:
    """Check a taxonomy file and print what it holds; all problems are listed at once."""
    from cuoshi.classifier import taxonomy_show as show
    from cuoshi.classifier.taxonomy import load_taxonomy

    emit(show.summary(load_taxonomy(file)) + "\n")


@app.command("crosswalk")
def show_crosswalk(
    label: Annotated[str | None, typer.Argument(help="The id of a label; all labels without it.")] = None,
    scheme: Annotated[SchemeName | None, typer.Option("--scheme", help="One scheme only.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the counterparts of the shipped labels in WHO PHSM, OxCGRT, CoronaNet and CCCSL."""
    from rich.console import Console

    from cuoshi.classifier import taxonomy_show as show

    rows = select_crosswalk(label, scheme.value if scheme else None)
    console = Console(highlight=False)
    if as_json:
        emit_json([row.model_dump() for row in rows])
    elif console.is_terminal:
        _print_lines(console, show.crosswalk_lines(rows))
    else:
        _print_rows((row.label, row.scheme, row.code, row.relation, row.name) for row in rows)


@app.command("page")
def write_page(lang: LangOption = Lang.zh, taxonomy: TaxonomyOption = None) -> None:
    """Print the codebook as a page in Markdown."""
    from cuoshi.classifier.crosswalk import load_crosswalk
    from cuoshi.classifier.taxonomy import load_taxonomy
    from cuoshi.classifier.taxonomy_page import render_page

    rows = [] if taxonomy else load_crosswalk()
    emit(render_page(load_taxonomy(taxonomy), rows, lang.value))


def select_crosswalk(label: str | None, scheme: str | None) -> list[CrosswalkRow]:
    """The rows of the shipped crosswalk for one label or all, one scheme or all.

    Raises TaxonomyError when the shipped taxonomy has no such label.
    """
    from cuoshi.classifier.crosswalk import load_crosswalk
    from cuoshi.classifier.taxonomy import load_taxonomy

    if label is not None:
        load_taxonomy().label(label)
    return [row for row in load_crosswalk() if label in (None, row.label) and scheme in (None, row.scheme)]


def _print_lines(console: Console, lines: Sequence[Line]) -> None:
    """Broken to the terminal's width; into a pipe, every line whole and without colours."""
    from rich.text import Text

    from cuoshi.classifier.taxonomy_show import layout

    with console.capture() as captured:
        for segments in layout(lines, console.width if console.is_terminal else None):
            console.print(Text.assemble(*segments), soft_wrap=True)
    emit(captured.get())


def _print_rows(rows: Iterable[Sequence[str]]) -> None:
    """Tab-separated lines, for a pipe."""
    emit("".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows))
