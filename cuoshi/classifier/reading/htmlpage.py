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
from cuoshi.classifier.reading.boilerplate import is_furniture, is_opener, prose
from cuoshi.classifier.reading.htmlblocks import Block, blocks, number
from cuoshi.classifier.reading.htmlmeta import author, metadata
from cuoshi.classifier.reading.lines import clean
from cuoshi.classifier.reading.metadata import (
    HEAD,
    Metadata,
    find,
    is_meta_line,
    iso_date,
    source_in,
)

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
    """The lines that hold the article, which of them are links alone, and what the page says of itself."""

    lines: list[str]
    linked: list[bool]
    meta: Metadata


def extract(page: str, where: str) -> Page:
    """Return the article of a page; ReadingError where there is no text at all."""
    from lxml import html

    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    data = page.replace("\x00", "").encode("utf-8", "replace")
    try:
        root = html.document_fromstring(data, parser=parser)
    except html.etree.ParserError:
        raise _textless(where) from None
    number(root)
    found = blocks(root)
    if not found:
        raise _textless(where)
    meta = metadata(root)
    after = _after_title(found, meta.title)
    first, last = _stretch(root, page, found[after:])
    # a subtitle or lead between title and body belongs to the article
    first, last = (after if 0 < first <= _LEAD and after else first + after), last + after
    stretch = found[first:last]
    head = [block.text for block in found[max(0, first - HEAD) : first + HEAD]]
    if not any(block.text == meta.title for block in found):
        # a title that the page does not show may be the site's: what stands above the source line is better
        seen = find(head, [is_furniture(line) for line in head])
        meta = Metadata(seen.title if seen.certain else meta.title, meta.source, meta.date)
    return Page(
        [block.text for block in stretch],
        [block.linked for block in stretch],
        _completed(meta, head, author(root)),
    )


def _textless(where: str) -> ReadingError:
    return ReadingError(f"{where}: the page has no text; save it from the browser once it is fully loaded")


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
            return _widened(root, found, first, last)
    return 0, len(found)


def _widened(root: Any, found: Sequence[Block], first: int, last: int) -> tuple[int, int]:
    """Return the range with what stands beside it in the same element: readability drops short lines.

    Where the range has no element of its own below the body, only rows of tables are taken in.
    """
    elements = list(root.iter("*"))
    top = _common_ancestor(elements[found[first].order], elements[found[last - 1].order])
    rows_only = top.tag == "body" or first == last - 1
    if first == last - 1 and top.getparent() is not None:
        top = top.getparent()
    begin = int(top.get("data-order"))
    end = begin + sum(1 for _ in top.iter("*")) - 1

    def belongs(block: Block) -> bool:
        if not begin <= block.order <= end or block.linked:
            return False
        foreign = is_furniture(block.text) or is_opener(block.text) or is_meta_line(block.text)
        return block.row or not (rows_only or foreign)

    while last < len(found) and belongs(found[last]):
        last += 1
    while first > 0 and belongs(found[first - 1]):
        first -= 1
    return first, last


def _common_ancestor(one: Any, other: Any) -> Any:
    ancestors = [one, *one.iterancestors()]
    for element in (other, *other.iterancestors()):
        if element in ancestors:
            return element
    return ancestors[-1]


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
