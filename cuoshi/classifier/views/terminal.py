"""Labelled articles on a terminal: a table when there is room, blocks when there is not."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cuoshi.classifier.records import LabelledArticle, Record
from cuoshi.classifier.views import Tag, View
from cuoshi.classifier.wrapping import wrap

PIPE_WIDTH = 100
"""Columns where the output goes to no terminal."""
MAX_WIDTH = 120
"""Columns beyond which lines are no longer pleasant to read."""
TAG_WIDTH = {"zh": 24, "en": 40}
TEXT_WIDTH = 60
"""A table needs the width of its labels and this; below, blocks are shown."""
_BETWEEN = 3
"""Columns between two columns of the table: a blank, its divider, a blank."""


def print_articles(view: View, articles: Sequence[LabelledArticle], console: Console) -> None:
    """Print to ``console``, at most :data:`MAX_WIDTH` columns wide."""
    width = min(console.width, MAX_WIDTH)
    for article in articles:
        console.print(_head(article, width), width=width)
        records = view.records(article)
        if width < TAG_WIDTH[view.lang] + TEXT_WIDTH:
            console.print(Group(*(_block(view, record, width) for record in records)), width=width)
        else:
            console.print(_table(view, records, width), width=width)
        console.print(_summary(view, article, width), width=width)
    if articles:
        console.print(_wrapped("", view.made_by, width, style="dim"), width=width)


def terminal_text(view: View, articles: Sequence[LabelledArticle]) -> str:
    """The table for standard output: as wide and as colourful as a terminal is, plain where it is none."""
    console = Console(highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        return table_text(view, articles)
    with console.capture() as captured:
        print_articles(view, articles, console)
    return captured.get()


def table_text(view: View, articles: Sequence[LabelledArticle], width: int = PIPE_WIDTH) -> str:
    """What :func:`print_articles` prints without colour, as a string."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, highlight=False, emoji=False, markup=False)
    print_articles(view, articles, console)
    return stream.getvalue()


def _wrapped(start: str, rest: str, width: int, start_style: str = "", style: str = "") -> Text:
    """``start`` and ``rest`` broken to ``width`` columns, each in its style."""
    text = Text("\n".join(wrap(start + rest, width)), style=style)
    text.stylize(start_style, 0, len(start))
    return text


def _head(article: LabelledArticle, width: int) -> Group:
    parts = [article.file] if article.title else []
    parts += [part for part in (article.source, article.date) if part]
    title = _wrapped("", article.title or article.file, width, style="bold")
    return Group(title, *([_wrapped("", " · ".join(parts), width, style="dim")] if parts else []))


def _table(view: View, records: Sequence[Record], width: int) -> Table:
    number_width = max((len(str(record.index + 1)) for record in records), default=1)
    tag_width = TAG_WIDTH[view.lang]
    text_width = width - number_width - tag_width - 2 * _BETWEEN
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("#", justify="right", style="dim", no_wrap=True, width=number_width)
    table.add_column(view.words["paragraph"], width=text_width)
    table.add_column(view.words["measures"], width=tag_width, overflow="fold")
    for record in records:
        text = _wrapped("", record.text, text_width, style="" if record.labels else "dim")
        cell = Group(text, *_notes(view, record, text_width))
        table.add_row(str(record.index + 1), cell, Text("\n").join(_tag_lines(view, record)))
        table.add_row()
    return table


def _block(view: View, record: Record, width: int) -> RenderableType:
    """A paragraph for narrow terminals: its text, then its labels indented below."""
    text = _wrapped(f"{record.index + 1} ", record.text, width, "dim", "" if record.labels else "dim")
    below = [*_tag_lines(view, record), *_notes(view, record, width - 2)]
    return Group(text, *(Padding(line, (0, 0, 0, 2)) for line in below), Text())


def _tag_lines(view: View, record: Record) -> list[Text]:
    tags = view.tags(record)
    if not tags:
        return [Text("— " + view.words["none"], style="dim")]
    return [_tag_line(tag) for tag in tags]


def _tag_line(tag: Tag) -> Text:
    line = Text("● ", style=tag.color)
    line.append(tag.name, style="bold")
    line.append(f" {tag.score:.2f}", style="not bold dim")
    return line


def _notes(view: View, record: Record, width: int) -> list[Text]:
    """Below a paragraph: the evidence, how it was read, all scores; each only where there is something."""
    notes = [
        _wrapped(f"{tag.name}: ", f"{tag.evidence.text} {tag.evidence.score:.2f}", width, tag.color)
        for tag in view.tags(record)
        if tag.evidence is not None
    ]
    return [*notes, *(_wrapped("", note, width, style="dim") for note in view.notes(record))]


def _summary(view: View, article: LabelledArticle, width: int) -> RenderableType:
    title = _wrapped(view.words["summary"], "  " + view.counts(article), width, "bold", "dim")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", style="dim", no_wrap=True)
    for tag, count in view.summary(article):
        name = Text("● ", style=tag.color)
        name.append(tag.name, style="default")
        grid.add_row(name, view.paragraphs(count), f"{view.words['highest']} {tag.score:.2f}")
    return Group(title, grid, Text())
