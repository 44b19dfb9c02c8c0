"""The door: a file or standard input in, rows out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.rows.csvfile import csv_rows
from cuoshi.classifier.rows.jsonl import jsonl_rows
from cuoshi.classifier.rows.lines import text_lines
from cuoshi.classifier.rows.parquet import parquet_rows
from cuoshi.classifier.rows.row import BadRow, Row
from cuoshi.classifier.rows.source import STDIN, ByteSource, unpacked

FORMATS = ("jsonl", "csv", "tsv", "parquet")
_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PACKED = (".gz", ".zst")
_PARQUET = b"PAR1"


def table_format(path: Path) -> str | None:
    """The format that a file's suffixes say (``x.csv.gz`` is CSV), None for what is no table."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return _SUFFIXES.get(suffixes[-1]) if suffixes else None


def is_table(path: Path) -> bool:
    """Whether the name of a file says that it holds rows; standard input does."""
    return path == STDIN or table_format(path) is not None


def read_rows(
    source: Path | ByteSource, *, encoding: str | None = None, form: str | None = None
) -> Iterator[Row | BadRow]:
    """Stream the rows of a table, in order, in bounded memory; what cannot be read comes as a bad row.

    Compression is found from the content. CSV needs a header.

    Args:
        source: a file, ``Path("-")`` for standard input, or either opened as a :class:`ByteSource`.
        encoding: the codec of JSON lines and CSV, None to find it from the first 64 KiB.
        form: one of :data:`FORMATS`; None to go by the suffix, and for standard input by its first character.

    Raises:
        ReadingError: the file as a whole cannot be read, or not any further; rows before have been yielded.
        MissingExtraError: Parquet, and pyarrow is not installed.
        UsageError: ``encoding`` is unknown.
    """
    path = source.path if isinstance(source, ByteSource) else source
    chosen = form or table_format(path)
    if chosen == "parquet":
        if path == STDIN:
            raise ReadingError("-: Parquet cannot be read from standard input; name a file")
        yield from parquet_rows(path)
        return
    opened = source if isinstance(source, ByteSource) else ByteSource(source)
    try:
        yield from _text_rows(opened, encoding, chosen)
    finally:
        if opened is not source:
            opened.close()


def _text_rows(source: ByteSource, encoding: str | None, chosen: str | None) -> Iterator[Row | BadRow]:
    blocks = unpacked(source)
    first = next(blocks, b"")
    if first.startswith(_PARQUET):
        raise ReadingError(f"{source.name}: Parquet; name it .parquet, and do not pipe it")
    lines = text_lines(chain([first], blocks), source.name, encoding)
    if chosen is None:
        begun = next((line for line in lines if line.text.strip() or line.fault), None)
        if begun is None:
            return
        chosen = "jsonl" if begun.fault or begun.text.lstrip()[0] in "{[" else "csv"
        lines = chain([begun], lines)
    if chosen == "jsonl":
        yield from jsonl_rows(lines, source.name)
    else:
        yield from csv_rows(lines, source.name, "\t" if chosen == "tsv" else ",")
