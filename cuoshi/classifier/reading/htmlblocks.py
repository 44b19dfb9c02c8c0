"""An HTML tree to lines: one a block element, ``<br>`` or row of a data table, in document order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cuoshi.classifier.reading.lines import clean

_BLOCK_TAGS = """
    address article aside blockquote body br caption center dd div dl dt fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol p pre section table tbody td tfoot th thead tr ul
"""
_SKIPPED_TAGS = """
    aside audio button canvas footer head iframe input nav noscript object option script select style svg
    template textarea title video
"""
_FURNITURE_NAMES = """
    ad ads adv advert advertisement adwrap banner bread breadcrumb breadcrumbs cmt cmts comment comments
    copyright crumb crumbs foot footer guess menu nav navbar navigation pager pagination qrcode rank ranking
    recommend recommends related share sidebar toolbar
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_SKIPPED = frozenset(_SKIPPED_TAGS.split())
_FURNITURE = frozenset(_FURNITURE_NAMES.split())
_WORDS = re.compile(r"[A-Z]?[a-z]+")
_CELL = 600
"""Longest cell, in characters, of a table that holds data and not a layout."""


@dataclass(frozen=True, slots=True)
class Block:
    """A line of a page.

    ``order`` numbers the element it begins in; ``linked`` tells that it is nothing but links, ``row`` that it
    is a row of a data table.
    """

    text: str
    order: int
    linked: bool = False
    row: bool = False


@dataclass(slots=True)
class _Buffer:
    """Text of the line that is being read."""

    parts: list[str]
    order: int = 0
    link_chars: int = 0

    def add(self, text: str | None, order: int, in_link: bool) -> None:
        if not text:
            return
        if not self.parts:
            self.order = order
        self.parts.append(text)
        if in_link:
            self.link_chars += len("".join(text.split()))

    def flush(self) -> Iterator[Block]:
        text = clean("".join(self.parts))
        if text:
            yield Block(text, self.order, self.link_chars >= 0.8 * len(text.replace(" ", "")))
        self.parts, self.link_chars = [], 0


def blocks(root: Any) -> list[Block]:
    """Return the lines of a tree whose elements carry their number in ``data-order`` (see ``number``)."""
    from lxml import etree

    total = text_length(root)
    found: list[Block] = []
    buffer = _Buffer([])
    links = order = 0
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if event == "start":
            order = int(element.get("data-order", order))
            if tag in _BLOCKS:
                found.extend(buffer.flush())
            if _is_skipped(element, total):
                walk.skip_subtree()
            elif tag == "tr" and (row := _row(element, order)) is not None:
                found.append(row)
                walk.skip_subtree()
            else:
                links += tag == "a"
                buffer.add(element.text, order, links > 0)
        else:
            if tag in _BLOCKS:
                found.extend(buffer.flush())
            links -= tag == "a" and links > 0
            buffer.add(element.tail, order, links > 0)
    found.extend(buffer.flush())
    return found


def number(root: Any) -> None:
    """Write each element's place in document order into its ``data-order``."""
    for order, element in enumerate(root.iter("*")):
        element.set("data-order", str(order))


def text_length(element: Any) -> int:
    """Return how many characters other than white space a person sees in an element."""
    return sum(
        len("".join(text.split()))
        for text in element.itertext()
        if getattr(text, "getparent", None) is None or text.getparent().tag not in ("script", "style")
    )


def _is_skipped(element: Any, total: int) -> bool:
    """Return whether an element is no text, hidden, or named as furniture and not most of the page."""
    if element.tag in _SKIPPED:
        return element.tag not in ("aside", "footer", "nav") or text_length(element) <= total / 2
    style = element.get("style")
    if element.get("hidden") is not None or (
        style and re.search(r"display\s*:\s*none", style, re.IGNORECASE)
    ):
        return True
    names = f"{element.get('class', '')} {element.get('id', '')}"
    if len(names) == 1 or element.tag in ("html", "body"):
        return False
    words = {word.lower() for word in _WORDS.findall(names)}
    return bool(words & _FURNITURE) and text_length(element) <= total / 2


def _row(element: Any, order: int) -> Block | None:
    """Return a row of a data table as a line, cells joined by ' | '; None for a row that lays out a page."""
    cells = _cells(element)
    if len(cells) == 1:  # a note across the table, between or below its rows
        beside = (
            *islice(element.itersiblings("tr"), 3),
            *islice(element.itersiblings("tr", preceding=True), 3),
        )
        if not any(len(_cells(each)) > 1 for each in beside):
            return None
    if not cells:
        return None
    linked = sum(len(clean(" ".join(link.itertext()))) for link in element.iter("a"))
    return Block(" | ".join(cells), order, linked >= 0.8 * sum(map(len, cells)), True)


def _cells(row: Any) -> list[str]:
    """Return the texts of the cells that are not empty, none where one holds more than data."""
    if next(row.iter("table", "form", "ul", "ol", "h1", "h2", "h3"), None) is not None:
        return []
    cells = [clean(" ".join(cell.itertext())) for cell in row if cell.tag in ("td", "th")]
    filled = [cell for cell in cells if cell]
    breaks = sum(1 for _ in row.iter("br"))
    return [] if breaks > 3 * len(cells) or max(map(len, filled), default=0) > _CELL else filled
