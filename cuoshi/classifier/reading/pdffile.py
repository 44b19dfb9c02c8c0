"""PDF to lines: pdfium gives lines and their places; running heads go, broken sentences are joined."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cuoshi.classifier.errors import MissingExtraError, ReadingError
from cuoshi.classifier.reading.lines import clean
from cuoshi.classifier.reading.metadata import Metadata
from cuoshi.classifier.reading.pdflayout import Layout, PdfLine

_PAGE_NUMBER = re.compile(
    r"[-—–~·\s]*(?:第\s*)?(?:\d{1,4}|[ivxIVX]{1,6})(?:\s*页)?(?:\s*[/／,，]?\s*(?:共\s*)?\d{1,4}\s*页?)?[-—–~·\s]*"
)
_EDGE = 2
"""Lines at the top and bottom of a page among which running heads stand."""


def read(data: bytes, where: str) -> tuple[list[list[str]], Metadata]:
    """Return the paragraphs, each as the lines it is made of, and the title that the file names.

    Raises ReadingError for an encrypted or broken file and for one without text (a scan).
    """
    lines, title = _open(data, where)
    if not lines:
        raise ReadingError(f"{where}: the PDF has no text (a scan?); run text recognition (OCR) on it first")
    body = without_running_heads(lines)
    return [[line.text for line in group] for group in Layout(body).paragraphs()], Metadata(title)


def _open(data: bytes, where: str) -> tuple[list[PdfLine], str | None]:
    try:
        import pypdfium2
    except ModuleNotFoundError:
        raise MissingExtraError("pypdfium2", "docs") from None

    try:
        document = pypdfium2.PdfDocument(data)
        try:
            lines = [line for number in range(len(document)) for line in _page(document[number], number)]
            return lines, _title(document.get_metadata_dict().get("Title", ""))
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise ReadingError(f"{where}: the PDF is encrypted; save a copy without password") from None
        raise ReadingError(
            f"{where}: not a readable PDF ({error}); save it again or export its text"
        ) from None


def _title(text: str) -> str | None:
    """Return the title in a PDF's metadata; programs fill it with file names, so only Chinese text counts."""
    cleaned = clean(text)
    named = re.search(r"\.(?:docx?|wps|pdf|txt|indd|pptx?)$|^Microsoft", cleaned, re.IGNORECASE)
    return cleaned if re.search("[\u4e00-\u9fff]", cleaned) and not named and len(cleaned) >= 4 else None


def _page(page: Any, number: int) -> list[PdfLine]:
    """Return the lines of one page in reading order."""
    textpage = page.get_textpage()
    lines = []
    place = 0
    for raw in textpage.get_text_range().split("\r\n"):
        text = clean(raw.replace("\ufffe", "").replace("\x02", ""))
        if text:
            first = textpage.get_charbox(place + len(raw) - len(raw.lstrip()), loose=True)
            last = textpage.get_charbox(place + len(raw.rstrip()) - 1, loose=True)
            lines.append(
                PdfLine(text, number, first[0], last[2], min(first[1], last[1]), max(first[3], last[3]))
            )
        place += len(raw) + 2
    textpage.close()
    page.close()
    return lines


def without_running_heads(lines: Sequence[PdfLine]) -> list[PdfLine]:
    """Return the lines without page numbers and lines that come again at the edge of other pages."""
    by_page: dict[int, list[PdfLine]] = {}
    for line in lines:
        by_page.setdefault(line.page, []).append(line)
    edges = {id(line) for page in by_page.values() for line in _edges(page)}
    # what repeats may count the pages, so digits are alike
    shapes = Counter(re.sub(r"\d+", "0", line.text) for line in lines if id(line) in edges)
    needed = max(2, len(by_page) / 3)

    def is_head(line: PdfLine) -> bool:
        if id(line) not in edges:
            return False
        return (
            _PAGE_NUMBER.fullmatch(line.text) is not None or shapes[re.sub(r"\d+", "0", line.text)] >= needed
        )

    return [line for line in lines if not is_head(line)]


def _edges(page: Sequence[PdfLine]) -> list[PdfLine]:
    ordered = sorted(page, key=lambda line: -line.top)
    return [*ordered[:_EDGE], *ordered[-_EDGE:]]
