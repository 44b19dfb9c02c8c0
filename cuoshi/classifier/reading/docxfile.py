"""Word documents (.docx) to lines: paragraphs and table rows in document order."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cuoshi.classifier.errors import MissingExtraError, ReadingError
from cuoshi.classifier.reading.lines import clean
from cuoshi.classifier.reading.metadata import Metadata

if TYPE_CHECKING:
    from docx.document import Document

_LARGEST = 500_000_000
"""Bytes of a document once unpacked; more is no article."""
_TEMPLATE_YEAR = 2013  # python-docx's own template: its date and title say nothing
_PATH = "./w:p | ./w:tbl | ./w:sdt/w:sdtContent/w:p | ./w:sdt/w:sdtContent/w:tbl"


def read(data: bytes, where: str) -> tuple[list[str], Metadata]:
    """Return the document's lines and its core properties; ReadingError where it is broken."""
    try:
        import docx
    except ModuleNotFoundError:
        raise MissingExtraError("python-docx", "docs") from None

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
                raise ReadingError(
                    f"{where}: unpacks to more than {_LARGEST // 10**6} MB; save its text as .txt"
                )
        document = docx.Document(io.BytesIO(data))
        lines = list(_lines(document))
        return lines, _metadata(document)
    except ReadingError:
        raise
    except Exception as error:  # zip, XML and part readers each raise errors of their own on a broken file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ReadingError(
            f"{where}: not a readable Word document ({reason}); save it again as .docx"
        ) from error


def _lines(document: Document) -> Iterator[str]:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    body: Any = document.element.body
    for element in body.xpath(_PATH):
        if element.tag.endswith("}tbl"):
            yield from _rows(Table(element, document))
        else:
            yield from filter(None, map(clean, Paragraph(element, document).text.split("\n")))


def _rows(table: Any) -> Iterator[str]:
    """Yield each row, its cells joined by ' | '; a merged cell counts once."""
    for row in table.rows:
        cells = {id(cell._tc): clean(_cell(cell)) for cell in row.cells}
        text = " | ".join(filter(None, cells.values()))
        if text:
            yield text


def _cell(cell: Any) -> str:
    nested = (inner for table in cell.tables for inner in _rows(table))
    return " ".join((*(paragraph.text for paragraph in cell.paragraphs), *nested))


def _metadata(document: Document) -> Metadata:
    """Return title and date of the core properties, a paragraph in the style Title before them."""
    core = document.core_properties
    styled = (
        clean(paragraph.text)
        for paragraph in document.paragraphs[:20]
        if paragraph.style is not None and paragraph.style.name == "Title"
    )
    created = core.created
    template = created is not None and created.year == _TEMPLATE_YEAR and core.author == "python-docx"
    title = next(filter(None, styled), None) or ("" if template else clean(core.title or ""))
    date = None if created is None or template else created.date().isoformat()
    return Metadata(title or None, None, date)
