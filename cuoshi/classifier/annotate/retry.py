"""Lines of a rejects file: what they stand for, tried again."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cuoshi.classifier.annotate.items import ArticleBytes, Item
from cuoshi.classifier.annotate.plan import Reject
from cuoshi.classifier.errors import MissingExtraError, ReadingError
from cuoshi.classifier.rows import BadRow, Row, read_rows
from cuoshi.classifier.rows.jsonl import parse_object


def again(line: Row, encoding: str | None) -> Iterator[Item]:
    """What a line of a rejects file stands for, as it is now."""
    values = line.values
    where, file = str(values.get("where", line.where)), str(values.get("file", ""))
    first, last = values.get("first"), values.get("last")
    if isinstance(values.get("row"), dict):
        yield Row(values["row"], where, first or line.number)
    elif isinstance(values.get("raw"), str):
        yield _parsed(values, where, first or line.number)
    elif not file:
        reason = "neither a row nor the name of a file; this is no line of a rejects file"
        yield BadRow(line.where, line.number, reason)
    else:
        try:
            yield from _part(Path(file), first, last, encoding)
        except (ReadingError, MissingExtraError) as error:
            yield Reject(where, str(error), file, first, last)


def _parsed(values: dict[str, Any], where: str, number: int) -> Item:
    raw, columns = values["raw"], tuple(values.get("columns", ()))
    delimiter = str(values.get("delimiter", ","))
    if not columns:
        found, reason = parse_object(raw)
        return BadRow(where, number, reason, raw) if found is None else Row(found, where, number)
    try:
        records = list(csv.reader(raw.splitlines(keepends=True), delimiter=delimiter, strict=True))
        reason = "" if len(records) == 1 else f"{len(records)} records instead of one"
    except csv.Error as error:
        records, reason = [], f"not CSV ({error})"
    if not reason and len(records[0]) != len(columns):
        reason = f"{len(records[0])} fields, the header has {len(columns)}"
    if reason:
        return BadRow(where, number, reason, raw, 1, columns, delimiter)
    return Row(dict(zip(columns, records[0], strict=True)), where, number)


def _part(path: Path, first: int | None, last: int | None, encoding: str | None) -> Iterator[Item]:
    if first is None:
        try:
            yield ArticleBytes(path.read_bytes(), str(path))
        except OSError as error:
            raise ReadingError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
        return
    for row in read_rows(path, encoding=encoding):
        if row.number >= first and (last is None or row.number <= last):
            yield row
