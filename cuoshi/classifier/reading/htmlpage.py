"""An HTML page to its article: readability finds the place, the page's own blocks give the paragraphs.

Readability alone loses headings, lists and rows inside the article and all of a page it can't weigh. So what
it returns only marks a stretch of the page; every block in that stretch is kept unless the rules for lines
drop it, and a page where the stretch misses most of the prose is read as a whole.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.reading.boilerplate import is_furniture, prose
from cuoshi.classifier.reading.htmlblocks import Block, blocks, number
from cuoshi.classifier.reading.htmlmeta import author, metadata
from cuoshi.classifier.reading.lines import clean
from cuoshi.classifier.reading.metadata import HEAD, Metadata, is_meta_line, iso_date, source_in

_LARGE = 4_000_000
"""Pages of more characters are read as a whole, without readability."""
_LEAD = 5
"""So many lines may stand between the title and the stretch that is found."""
_CONTAINERS = (
    '//*[@id="js_content"]',  # WeChat
    '//*[@id="UCAP-CONTENT"]',  # government sites
    '//*[@itemprop="articleBody"]',
    '//*[@id="artibody"]',
)


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of the stretch that holds the article, which of them are links alone, and what the page says."""

    lines: list[str]
    linked: list[bool]
    meta: Metadata


def extract(page: str, where: str) -> Page:
    """Return the article of a page; ReadingError where there is no text at all."""
    from lxml import html

    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    data = page.replace("\x00", "").encode("utf-8", "replace")
    root = html.document_fromstring(data, parser=parser) if data.strip() else None
    found: list[Block] = []
    if root is not None:
        number(root)
        found = blocks(root)
    if root is None or not found:
        raise ReadingError(f"{where}: the page has no text; save it from the browser once it is fully loaded")
    meta = metadata(root)
    after = _after_title(found, meta.title)
    first, last = _stretch(root, page, found[after:])
    # a subtitle or lead between title and body belongs to the article
    first, last = (after if 0 < first <= _LEAD and after else first + after), last + after
    stretch = found[first:last]
    head = [block.text for block in found[max(0, first - HEAD) : first + HEAD]]
    return Page(
        [block.text for block in stretch],
        [block.linked for block in stretch],
        _completed(meta, head, author(root)),
    )


def _after_title(found: Sequence[Block], title: str | None) -> int:
    """Return the first block below the title, 0 where the title does not stand above most of the prose."""
    if title is None:
        return 0
    total = sum(prose(block.text) for block in found)
    above = 0
    place = 0
    for index, block in enumerate(found):
        if above > total / 4:
            break
        if block.text == title:
            place = index + 1
        above += prose(block.text)
    return place


def _stretch(root: Any, page: str, found: Sequence[Block]) -> tuple[int, int]:
    """Return the range of blocks that holds the article."""
    total = sum(prose(block.text) for block in found if not is_furniture(block.text))
    for bounds in (*_contained(root), _readable(root, page)):
        if bounds is None:
            continue
        inside = [index for index, block in enumerate(found) if bounds[0] <= block.order <= bounds[1]]
        if not inside:
            continue
        first, last = inside[0], inside[-1] + 1
        if sum(prose(block.text) for block in found[first:last]) >= total / 2:
            return first, last
    return 0, len(found)


def _contained(root: Any) -> list[tuple[int, int] | None]:
    """Return the bounds of elements known to hold articles."""
    return [_bounds(element) for path in _CONTAINERS for element in root.xpath(path)]


def _readable(root: Any, page: str) -> tuple[int, int] | None:
    """Return the bounds of what readability holds for the article, None where it finds nothing."""
    from lxml import html
    from readability import Document
    from readability.readability import Unparseable

    if len(page) > _LARGE:
        return None
    logging.getLogger("readability").setLevel(logging.ERROR)
    try:
        summary = Document(html.tostring(root, encoding="unicode")).summary(html_partial=True)
        return _bounds(html.fromstring(summary)) if clean(summary) else None
    except (Unparseable, ValueError, html.etree.ParserError):
        return None


def _bounds(element: Any) -> tuple[int, int] | None:
    """Return the first and last number among the elements with text in a tree."""
    orders = [
        int(each.get("data-order"))
        for each in element.iter("*")
        if each.get("data-order") and (clean(each.text or "") or clean(each.tail or ""))
    ]
    return (min(orders), max(orders)) if orders else None


def _completed(meta: Metadata, head: Sequence[str], writer: str | None) -> Metadata:
    """Return what the page declares with gaps filled from its source line."""
    fields = [line for line in head if is_meta_line(line)] or [line for line in head if len(line) <= 60]
    source = meta.source or next((found for line in fields if (found := source_in(line))), None) or writer
    date = meta.date or next((found for line in fields if (found := iso_date(line))), None)
    return Metadata(meta.title, source, date)
