"""Markdown to lines: marks, links, code and front matter taken away, places in the source kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cuoshi.classifier.reading.lines import Line, clean, is_numbered
from cuoshi.classifier.reading.metadata import Metadata, iso_date

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(.{0,20000}?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE
)
_KEY = re.compile(
    r"^(title|date|source|标题|日期|来源)\s*[:：]\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE | re.IGNORECASE
)
_BREAK = re.compile("\r\n|\n|\r")
_TAG = re.compile(r"<!--.*?-->|<[^<>]{0,2000}>", re.DOTALL)
# CommonMark leaves marks that touch full-width punctuation: **重点：**全市
_LEFT_OVER = re.compile(r"\*{1,3}(?=\S)|(?<=\S)\*{1,3}|__|~~")


def read(text: str) -> tuple[list[Line], Metadata]:
    """Return the lines of a Markdown text and what its front matter or first heading say.

    A line's ``start`` and ``end`` hold its source with the marks. The heading that is the title is left out.
    """
    front = _FRONT.match(text)
    body = re.sub(r"[^\r\n]", " ", text[: front.end()]) + text[front.end() :] if front else text
    found = list(_lines(_parse(body), _line_bounds(body)))
    meta = _front_matter(front[1]) if front else Metadata()
    first = found[0] if found else None
    if first is not None and first[1] == 1 and not is_numbered(first[0].text):
        if meta.title is None:
            meta = Metadata(first[0].text, meta.source, meta.date)
        found = found[1:]
    return [line for line, _ in found], meta


def _front_matter(text: str) -> Metadata:
    names = {"标题": "title", "日期": "date", "来源": "source"}
    values = {names.get(key.lower(), key.lower()): clean(value) for key, value in _KEY.findall(text)}
    return Metadata(values.get("title"), values.get("source"), iso_date(values.get("date", "")))


def _parse(text: str) -> Sequence[Token]:
    from markdown_it import MarkdownIt

    # no indented code: Chinese paragraphs begin with spaces
    return MarkdownIt("commonmark").enable("table").disable("code").parse(text)


def _line_bounds(text: str) -> list[tuple[int, int]]:
    """Return start and end of each source line, without its line break."""
    bounds = []
    start = 0
    for match in _BREAK.finditer(text):
        bounds.append((start, match.start()))
        start = match.end()
    return [*bounds, (start, len(text))]


def _lines(tokens: Sequence[Token], bounds: Sequence[tuple[int, int]]) -> Iterator[tuple[Line, int]]:
    """Yield each line with its heading level (0: no heading)."""
    level = 0
    row: list[str] | None = None
    place = 0
    for token in tokens:
        if token.map:
            place = min(token.map[0], len(bounds) - 1)
        if token.type == "heading_open":
            level = int(token.tag[1:])
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            if any(row):
                yield Line(*bounds[place], " | ".join(cell for cell in row if cell), gap=True), 0
            row = None
        elif token.type == "inline":
            parts = _inline(token.children or [])
            if row is not None:
                row.append(clean(" ".join(parts)))
            else:
                yield from ((line, level) for line in _block(parts, place, bounds))
            level = 0
        elif token.type == "html_block":
            yield from ((line, 0) for line in _block(_TAG.sub("", token.content).split("\n"), place, bounds))


def _block(parts: Sequence[str], place: int, bounds: Sequence[tuple[int, int]]) -> Iterator[Line]:
    for number, part in enumerate(parts):
        text = clean(part)
        if text:
            start, end = bounds[min(place + number, len(bounds) - 1)]
            yield Line(start, end, text, gap=number == 0)


def _inline(children: Sequence[Token]) -> list[str]:
    """Return the text of a block's source lines, without marks and images."""
    parts: list[list[str]] = [[]]
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            parts.append([])
        elif child.type == "text":
            parts[-1].append(_LEFT_OVER.sub("", child.content))
        elif child.type == "code_inline":
            parts[-1].append(child.content)
    return ["".join(part) for part in parts]
