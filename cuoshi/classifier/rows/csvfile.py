"""CSV and TSV: a header, then a record a row, which may go over several lines."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.rows.lines import Line
from cuoshi.classifier.rows.row import MAX_RAW, MAX_ROW, BadRow, Row


class _FaultError(Exception):
    """A line within a record that cannot be used."""


class _Feed:
    """Gives the lines of a record to the parser and keeps them, so that they can be read once more."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._again: deque[Line] = deque()
        self.record: list[Line] = []
        self._size = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.record.append(line)
        if line.fault is not None:
            raise _FaultError(line.fault)
        self._size += len(line.text)
        if self._size > MAX_ROW:
            raise _FaultError(f"a record of more than {MAX_ROW:,} characters; a quote is not closed?")
        return line.text

    def begin(self) -> None:
        """Forget the last record."""
        self.record, self._size = [], 0

    def retry(self) -> None:
        """Give the lines after the first of this record once more."""
        self._again.extendleft(reversed(self.record[1:]))


def csv_rows(lines: Iterable[Line], name: str, delimiter: str = ",") -> Iterator[Row | BadRow]:
    """The rows of a CSV file with a header; every value is text, blank lines are left out.

    A record that is no good is reported by its first line, and reading goes on with the next line: a quote
    that is not closed costs one line, not the rest of the file.

    Raises:
        ReadingError: there is no header, or it names a column twice; also what ``lines`` raises.
    """
    csv.field_size_limit(MAX_ROW + 1)
    feed = _Feed(lines)
    header: list[str] | None = None
    for item in _records(feed, csv.reader(feed, delimiter=delimiter, strict=True), name):
        if isinstance(item, BadRow):
            if header is None:
                raise ReadingError(f"{item.where}: the header cannot be read: {item.reason}")
            yield item
            continue
        number, fields = item
        where = f"{name}:{number}"
        if header is None:
            header = _header(fields, where)
        elif len(fields) != len(header):
            mark = "tab" if delimiter == "\t" else "comma"
            reason = (
                f"{len(fields)} fields, the header has {len(header)} (a quote or a {mark} too many or few?)"
            )
            yield BadRow(where, number, reason, _raw(feed.record))
        else:
            yield Row(dict(zip(header, fields, strict=True)), where, number)


def _records(feed: _Feed, reader: Iterator[list[str]], name: str) -> Iterator[tuple[int, list[str]] | BadRow]:
    while True:
        feed.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _FaultError) as error:
            first = feed.record[0]
            reason = first.fault or f"not CSV ({error})"
            yield BadRow(f"{name}:{first.number}", first.number, reason, _raw([first]))
            feed.retry()
            continue
        if fields:
            yield feed.record[0].number, fields


def _header(fields: list[str], where: str) -> list[str]:
    names = [field.strip() or f"column_{number}" for number, field in enumerate(fields, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ReadingError(f"{where}: the header names '{twice[0]}' twice; rename one of the columns")
    return names


def _raw(lines: list[Line]) -> str | None:
    text = "".join(line.text for line in lines).rstrip("\r\n")
    return text if 0 < len(text) <= MAX_RAW else None
