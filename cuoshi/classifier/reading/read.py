"""The doors of the room: files, bytes or text in, an article out."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cuoshi.classifier.errors import ReadingError, UsageError
from cuoshi.classifier.names import printable, shortened
from cuoshi.classifier.reading import markdown
from cuoshi.classifier.reading.article import Article, Piece, number
from cuoshi.classifier.reading.boilerplate import frame
from cuoshi.classifier.reading.decoding import decode
from cuoshi.classifier.reading.lines import Line, join, split_lines, unwrap
from cuoshi.classifier.reading.metadata import Metadata

SUFFIXES = (".docx", ".htm", ".html", ".md", ".pdf", ".txt")

_LARGE = 5_000_000
"""Markdown of more characters is read as plain text: its parser takes seconds a megabyte."""
_FORMATS = {".docx": "docx", ".htm": "html", ".html": "html", ".md": "md", ".pdf": "pdf", ".txt": "txt"}
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an old or encrypted Office document; save it as .docx without a password"),
    (b"{\\rtf", "a rich text document; save it as .docx or .txt"),
    (b"\x89PNG", "a picture; run text recognition (OCR) on it first"),
    (b"\xff\xd8\xff", "a picture; run text recognition (OCR) on it first"),
    (b"GIF8", "a picture; run text recognition (OCR) on it first"),
    (b"\x1f\x8b", "a compressed file; unpack it first"),
    (b"Rar!", "a compressed file; unpack it first"),
    (b"7z\xbc\xaf", "a compressed file; unpack it first"),
    (b"\x7fELF", "a program, not an article"),
)
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*|<!--.{0,1000}?-->\s*)*"
    r"<(?:!doctype\s+html|(?:html|head|body|meta|title|div|table|p|script|article|section)[\s>])",
    re.IGNORECASE | re.DOTALL,
)


def find_files(
    name: str | Path, *, advice: str = "a text itself goes with --text"
) -> list[Path | ReadingError]:
    """Return the files to read: a file as given, a folder searched in sorted order for known suffixes.

    Hidden files and folders and lock files (``~$…``) in folders are left out. A folder inside that cannot be
    searched is an error among the files. Raises UsageError for a path that does not exist, with ``advice`` on
    what to do, and for a folder without articles.
    """
    # os.path, unlike Path, takes a name of any length
    if not os.path.isdir(name):  # noqa: PTH112
        if os.path.exists(name):  # noqa: PTH110
            return [Path(name)]
        raise UsageError(f"{shortened(name)}: no such file or folder; {advice}")
    failed: list[Path | ReadingError] = []
    found: list[Path] = []

    def unreadable(error: OSError) -> None:
        failed.append(ReadingError(f"{printable(error.filename)}: cannot be searched ({error.strerror})"))

    for base, folders, names in os.walk(name, onerror=unreadable):
        folders[:] = [each for each in folders if not each.startswith(".")]
        found += [
            Path(base, each)
            for each in names
            if Path(each).suffix.lower() in SUFFIXES and not each.startswith((".", "~$"))
        ]
    if not found and not failed:
        raise UsageError(
            f"{printable(name)}: no articles in this folder ({', '.join(SUFFIXES)}); name another"
        )
    return [*sorted(found), *failed]


def read_file(path: Path, *, encoding: str | None = None) -> Article:
    """Return the article in a file; ReadingError when it cannot be read.

    ``encoding`` is the codec of text, Markdown and HTML, None to find it.
    """
    name = printable(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadingError(
            f"{name}: cannot be read ({error.strerror}); check the path and its rights"
        ) from None
    return read_bytes(data, name, encoding=encoding)


def read_bytes(data: bytes, name: str, *, encoding: str | None = None) -> Article:
    """Return the article in ``data``; ReadingError when it cannot be read.

    The format is found from the content; the suffix of ``name`` only tells Markdown from text.
    """
    if not data.strip():
        raise ReadingError(f"{name}: the file is empty; leave it out")
    kind = _kind(data, name)
    if kind == "docx":
        return _docx(data, name)
    if kind == "pdf":
        return _pdf(data, name)
    decoded = decode(data, name, encoding=encoding, html=kind == "html" or b"<" in data[:64])
    text = _checked(decoded.text, name)
    if kind == "html" or (kind != "md" and _HTML.match(text[:4096].lstrip("\ufeff"))):
        return _html(text, name, decoded.encoding)
    if kind == "md" and len(text) <= _LARGE:
        lines, meta = markdown.read(text)
        return _article(name, text, unwrap(lines), decoded.encoding, meta)
    return _article(name, text, unwrap(split_lines(text)), decoded.encoding)


def read_text(text: str, name: str = "-") -> Article:
    """Return ``text`` as an article, one paragraph a line, nothing dropped."""
    pieces = [Piece(line.start, line.end, line.text) for line in split_lines(text)]
    if not pieces:
        raise ReadingError(f"{name}: the text is empty; give at least one paragraph")
    return Article(name, None, None, None, None, text, number(pieces))


def _kind(data: bytes, name: str) -> str:
    """Return the format of ``data``: a signature counts more than the suffix."""
    suffix = _FORMATS.get(Path(name).suffix.lower(), "")
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        if b"word/" in data:
            return "docx"
        raise ReadingError(f"{name}: an archive, not a Word document; unpack it and name the files in it")
    for signature, what in _FOREIGN:
        if data.startswith(signature):
            raise ReadingError(f"{name}: {what}")
    if suffix in ("docx", "pdf"):
        raise ReadingError(f"{name}: not a .{suffix} file inside (damaged or renamed); save it again")
    return suffix


def _checked(text: str, name: str) -> str:
    """Return ``text``; ReadingError where its control characters tell of binary data."""
    place = text.find("\x00")
    if place >= 0:
        raise ReadingError(f"{name}: a NUL character at {place}; this is binary data or damaged, not text")
    sample = text[:65_536]
    controls = sum(char < " " and char not in "\t\n\r\x0b\x0c" for char in sample)
    if controls > 0.01 * len(sample) + 1:
        raise ReadingError(f"{name}: {controls} control characters; this is binary data, not text")
    return text


def _html(text: str, name: str, encoding: str) -> Article:
    from cuoshi.classifier.reading.htmlpage import extract

    page = extract(text, name)
    joined, lines = _laid_out([[line] for line in page.lines])
    return _article(name, joined, lines, encoding, page.meta, page.linked)


def _docx(data: bytes, name: str) -> Article:
    from cuoshi.classifier.reading import docxfile

    found, meta = docxfile.read(data, name)
    joined, lines = _laid_out([[line] for line in found])
    article = _article(name, joined, lines, None, Metadata(meta.title))
    # when the file was made is second to a date that the text gives
    return article if article.date else replace(article, date=meta.date)


def _pdf(data: bytes, name: str) -> Article:
    from cuoshi.classifier.reading import pdffile

    groups, meta = pdffile.read(data, name)
    joined, lines = _laid_out(groups)
    article = _article(name, joined, lines, None)
    return article if article.title else replace(article, title=meta.title)


def _laid_out(groups: Sequence[Sequence[str]]) -> tuple[str, list[Line]]:
    """Return the text of extracted paragraphs, one line each of theirs a line, and where they stand in it."""
    lines = []
    place = 0
    for group in groups:
        length = sum(map(len, group)) + len(group) - 1
        lines.append(Line(place, place + length, join(group)))
        place += length + 1
    return "\n".join(part for group in groups for part in group), lines


def _article(
    name: str,
    text: str,
    lines: Sequence[Line],
    encoding: str | None,
    declared: Metadata | None = None,
    linked: Sequence[bool] | None = None,
) -> Article:
    """Return the article whose body is what is no furniture among ``lines``.

    What the format declares (HTML head, front matter) goes before what the lines say.
    """
    known = declared or Metadata()
    kept, said = frame([line.text for line in lines], linked, known.title)
    pieces = [Piece(line.start, line.end, line.text) for line, keep in zip(lines, kept, strict=True) if keep]
    if not pieces:
        raise ReadingError(f"{name}: no article in it, only navigation or nothing; give the text with --text")
    return Article(
        name,
        known.title or said.title,
        known.source or said.source,
        known.date or said.date,
        encoding,
        text,
        number(pieces),
    )
