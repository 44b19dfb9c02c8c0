"""What reading yields: an article and its paragraphs."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph.

    ``id`` is ``p`` and the first ten hex digits of the SHA-256 of ``text`` in UTF-8, with ``-2``, ``-3`` …
    for repeats inside one article. ``index`` counts from 0. ``start`` and ``end`` are offsets, in code
    points, into ``Article.text``. ``text`` is one line; it may differ from the slice in white space, joined
    line breaks, invisible characters and (Markdown) marks.
    """

    id: str
    index: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Article:
    """An article as read.

    ``text`` is the whole decoded text of text and Markdown input, the extracted text of HTML, docx and PDF.
    ``date`` is ISO 8601 (YYYY-MM-DD). ``encoding`` is the codec of the bytes, None where there is none.
    """

    file: str
    title: str | None
    source: str | None
    date: str | None
    encoding: str | None
    text: str
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph before it has an id: ``text`` and where it stands in the article's text."""

    start: int
    end: int
    text: str


def number(pieces: Iterable[Piece]) -> tuple[Paragraph, ...]:
    """Give pieces their index and stable id."""
    seen: Counter[str] = Counter()
    paragraphs = []
    for index, piece in enumerate(pieces):
        stem = "p" + hashlib.sha256(piece.text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
        seen[stem] += 1
        ident = stem if seen[stem] == 1 else f"{stem}-{seen[stem]}"
        paragraphs.append(Paragraph(ident, index, piece.start, piece.end, piece.text))
    return tuple(paragraphs)
