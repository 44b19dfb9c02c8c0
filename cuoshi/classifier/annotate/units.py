"""Rows and articles into paragraphs to label."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cuoshi.classifier.annotate.plan import Plan, Reject, Unit
from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.predict import MAX_CHARACTERS
from cuoshi.classifier.reading import Article, Paragraph, read_text
from cuoshi.classifier.rows import BadRow, Row

OWN = ("id", "text", "labels", "label", "score", "scores", "windows", "tokens", "unknown", "more")
PARAGRAPH = ("paragraph", "index", "start", "end")
ARTICLE = ("file", "title", "source", "date")
_OWN_BEGINNINGS = ("label_", "score_")


def row_units(row: Row, plan: Plan, file: str) -> tuple[Unit, ...] | Reject:
    """The paragraphs of a row, or why there are none; the row's other columns go along."""
    text, reason = _text(row.values, plan)
    ident = row_ident(row, plan)
    if ident is None and plan.id_column is not None:
        reason = (
            reason or f"no id in column '{plan.id_column}'; give the row one, or choose another --id-column"
        )
    if text is None or reason:
        return Reject(row.where, reason, file, row.number, row.number, row=row.values)
    ident = row.where if ident is None else ident
    taken = {plan.text_column, plan.id_column or "id"}
    values = carried({name: value for name, value in row.values.items() if name not in taken})
    if not plan.paragraphs:
        return (Unit(ident, text, values, row.where),)
    try:
        found = read_text(text, row.where).paragraphs
    except ReadingError as error:
        return Reject(row.where, str(error), file, row.number, row.number, row=row.values)
    return tuple(_paragraph(ident, values, paragraph, row.where) for paragraph in found)


def article_units(article: Article) -> tuple[Unit, ...]:
    """The paragraphs of an article, each with what is known of the article."""
    values = {name: getattr(article, name) for name in ARTICLE}
    return tuple(
        _paragraph(article.file, values, paragraph, article.file) for paragraph in article.paragraphs
    )


def usable(units: Iterable[Unit], plan: Plan, file: str) -> tuple[list[Unit], list[Reject]]:
    """Those that can be labelled; a paragraph that is too long becomes a reject that holds it alone."""
    good: list[Unit] = []
    rejects: list[Reject] = []
    for unit in units:
        if len(unit.text) <= MAX_CHARACTERS:
            good.append(unit)
            continue
        reason = (
            f"a paragraph of {len(unit.text):,} characters (at most {MAX_CHARACTERS:,}); "
            "split it into lines and use --paragraphs"
        )
        row = {plan.id_column or "id": unit.ident, **unit.values, plan.text_column: unit.text}
        rejects.append(Reject(unit.where, reason, file, row=row))
    return good, rejects


def bad_row(bad: BadRow, file: str) -> Reject:
    """A row that could not be read, as a reject."""
    last = bad.number + bad.rows - 1
    return Reject(bad.where, bad.reason, file, bad.number, last, None, bad.raw, bad.columns, bad.delimiter)


def carried(values: dict[str, Any]) -> dict[str, Any]:
    """The columns that go along; one with a name of the output's own is carried as ``input_<name>``."""
    if not any(is_own(name) for name in values):
        return values
    kept: dict[str, Any] = {}
    for name, value in values.items():
        new = name
        while is_own(new) or (new != name and new in values):
            new = f"input_{new}"
        kept[new] = value
    return kept


def is_own(name: str) -> bool:
    """Whether the output has a column of this name itself."""
    return name in OWN or name in PARAGRAPH or name.startswith(_OWN_BEGINNINGS)


def _text(values: dict[str, Any], plan: Plan) -> tuple[str | None, str]:
    name = plan.text_column
    if name not in values:
        there = ", ".join(list(values)[:10]) or "none"
        return None, f"no column '{name}' (there are: {there}); name the one with the text by --text-column"
    value = values[name]
    if not isinstance(value, str):
        kind = "null" if value is None else type(value).__name__
        return None, f"the text in '{name}' is {kind}, not text; mend the row"
    if not value.strip():
        return None, f"the text in '{name}' is empty; leave the row out"
    return value, ""


def row_ident(row: Row, plan: Plan) -> Any:
    """The id that a row itself has, None without one; what is neither text nor a number comes as text."""
    value = row.values.get(plan.id_column or "id")
    if value is None or value == "":
        return None
    return value if isinstance(value, (str, int)) else str(value)


def _paragraph(ident: Any, values: dict[str, Any], paragraph: Paragraph, where: str) -> Unit:
    place = {
        "paragraph": paragraph.id,
        "index": paragraph.index,
        "start": paragraph.start,
        "end": paragraph.end,
    }
    return Unit(f"{ident}#{paragraph.id}", paragraph.text, {**values, **place}, where)
