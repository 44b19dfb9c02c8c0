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

NARROW = 72
TAG_WIDTH = {"zh": 24, "en": 40}


def print_articles(view: View, articles: Sequence[LabelledArticle], console: Console | None = None) -> None:
    """Print to ``console``, by default standard output; without a terminal there is no colour."""
    target = console or Console(highlight=False, emoji=False, markup=False, soft_wrap=False)
    for article in articles:
        target.print(_head(view, article))
        records = view.records(article)
        if target.width < NARROW:
            target.print(Group(*(_block(view, record) for record in records)))
        else:
            target.print(_table(view, records))
        target.print(_summary(view, article))
    if articles:
        labels = view.folder.labels
        note = (
            f"{view.words['model']} {view.folder.config.name} {view.folder.config.version}"
            f" ({view.folder.hash[:12]}) · {view.words['taxonomy']} {labels.taxonomy}"
            f" {labels.taxonomy_version} ({labels.taxonomy_hash[:12]})"
        )
        target.print(Text(note, style="dim"))


def table_text(view: View, articles: Sequence[LabelledArticle], width: int = 100) -> str:
    """What :func:`print_articles` prints without colour, as a string."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False, emoji=False, markup=False)
    print_articles(view, articles, console)
    return stream.getvalue()


def _head(view: View, article: LabelledArticle) -> Text:
    text = Text(article.title or article.file, style="bold")
    parts = [article.file] if article.title else []
    parts += [part for part in (article.source, article.date) if part]
    if parts:
        text.append("\n" + " · ".join(parts), style="not bold dim")
    return text


def _table(view: View, records: Sequence[Record]) -> Table:
    table = Table(box=SIMPLE_HEAD, expand=True, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    table.add_column(view.words["paragraph"], ratio=1, overflow="fold")
    table.add_column(view.words["measures"], width=TAG_WIDTH[view.lang], overflow="fold")
    for record in records:
        paragraph = Text(record.text, style="" if record.labels else "dim")
        cells: list[RenderableType] = [paragraph]
        cells += _notes(view, record)
        table.add_row(str(record.index + 1), Group(*cells), Text("\n").join(_tag_lines(view, record)))
        table.add_row()
    return table


def _block(view: View, record: Record) -> RenderableType:
    """A paragraph for narrow terminals: its text, then its labels indented below."""
    text = Text(f"{record.index + 1}  ", style="dim")
    text.append(record.text, style="not dim" if record.labels else "dim")
    below = [Padding(line, (0, 0, 0, 2)) for line in _tag_lines(view, record)]
    notes = [Padding(note, (0, 0, 0, 2)) for note in _notes(view, record)]
    return Group(text, *below, *notes, Text())


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


def _notes(view: View, record: Record) -> list[Text]:
    """Below a paragraph: how it was read, the evidence, all scores; each only where there is something."""
    notes = []
    if record.windows > 1:
        notes.append(Text("↔ " + view.words["windows"].format(n=record.windows), style="yellow"))
    for tag in view.tags(record):
        if tag.evidence is not None:
            note = Text(f"{tag.name}: ", style=tag.color)
            note.append(f"“{tag.evidence}”", style="default italic")
            notes.append(note)
    if view.all_scores:
        scores = " · ".join(f"{tag.name} {tag.score:.2f}" for tag in view.score_tags(record))
        notes.append(Text(f"{view.words['scores']}: {scores}", style="dim"))
    return notes


def _summary(view: View, article: LabelledArticle) -> RenderableType:
    title = Text(view.words["summary"], style="bold")
    title.append("  " + view.counts(article), style="not bold dim")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", style="dim", no_wrap=True)
    for tag, count in view.summary(article):
        name = Text("● ", style=tag.color)
        name.append(tag.name, style="default")
        grid.add_row(name, f"{count} {view.words['paragraphs']}", f"{view.words['highest']} {tag.score:.2f}")
    return Group(title, grid, Text())
