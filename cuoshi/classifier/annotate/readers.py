"""Readers of one input each: its items in order, and the hash of what was read for them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cuoshi.classifier.annotate.inputs import Input
from cuoshi.classifier.annotate.plan import Reject
from cuoshi.classifier.errors import MissingExtraError, ReadingError
from cuoshi.classifier.names import printable
from cuoshi.classifier.rows import BadRow, ByteSource, InputChangedError, Row, read_rows, table_format
from cuoshi.classifier.rows.jsonl import parse_object

_BLOCK = 1 << 20
_NOTHING = hashlib.sha256().hexdigest()


@dataclass(frozen=True, slots=True)
class ArticleBytes:
    """An article that is still to be parsed; ``name`` where it is not that of the input."""

    data: bytes
    name: str = ""


Item = Row | BadRow | Reject | ArticleBytes


class Reader(Protocol):
    """Reads one input once. ``count`` bytes of it were read so far; ``digest`` is their SHA-256."""

    @property
    def count(self) -> int:
        """Bytes read so far; of Parquet as many as the rows read are of all rows."""
        ...

    def items(self) -> Iterator[Item]:
        """What is in the input, in order."""
        ...

    def digest(self) -> str:
        """SHA-256 of what was read; of all of the input for Parquet."""
        ...

    def finish(self) -> str | None:
        """Read what is left; a line on how the input changed meanwhile without harm to the run."""
        ...

    def close(self) -> None:
        """Let go of the input, read to its end or not."""
        ...


def open_reader(each: Input, encoding: str | None) -> Reader:
    """The reader of an input."""
    if each.kind == "article":
        return _ArticleReader(each)
    if table_format(each.path) == "parquet":
        return _ParquetReader(each)
    return _TextReader(each, encoding)


class _TextReader:
    """JSON lines, CSV and rejects: read and hashed in one go."""

    def __init__(self, each: Input, encoding: str | None) -> None:
        self._input = each
        self._encoding = encoding
        self._source: ByteSource | None = None

    @property
    def count(self) -> int:
        return self._source.count if self._source else 0

    def digest(self) -> str:
        return self._source.digest() if self._source else _NOTHING

    def items(self) -> Iterator[Item]:
        last = 0
        rejects = self._input.kind == "rejects"
        try:
            self._source = ByteSource(self._input.path, self._input.size)
            for row in read_rows(self._source, encoding=self._encoding, form="jsonl" if rejects else None):
                last = row.number
                if rejects and isinstance(row, Row):
                    yield from _again(row, self._encoding)
                else:
                    yield row
        except InputChangedError:
            raise
        except ReadingError as error:  # the rows before are good
            name = self._input.name
            yield Reject(f"{name}:{last + 1}", str(error), name, last + 1, None)

    def finish(self) -> str | None:
        if self._source is None:
            return None
        self._source.drain()
        return _unharmed(self._input, self.digest())

    def close(self) -> None:
        if self._source is not None:
            self._source.close()


class _ParquetReader:
    """Parquet is read here and there, so it is hashed before and, where it changed, after."""

    def __init__(self, each: Input) -> None:
        self._input = each
        self._digest = _NOTHING
        self.count = 0

    def digest(self) -> str:
        return self._digest

    def items(self) -> Iterator[Item]:
        from cuoshi.classifier.rows.parquet import open_parquet

        name = self._input.name
        try:
            self._digest = _hash(self._input.path, self._input.size)
            with open_parquet(self._input.path) as file:
                total = max(1, file.metadata.num_rows)
            for row in read_rows(self._input.path):
                self.count = (self._input.size or 0) * row.number // total
                yield row
        except ReadingError as error:
            yield Reject(name, str(error), name, 1, None)

    def finish(self) -> str | None:
        if self._digest == _NOTHING:
            return None
        self.count = self._input.size or 0
        return _unharmed(self._input, self._digest)

    def close(self) -> None:
        """Nothing is open between rows."""


class _ArticleReader:
    """An article is read as a whole, so that it cannot change under way."""

    def __init__(self, each: Input) -> None:
        self._input = each
        self._digest = _NOTHING
        self.count = 0

    def digest(self) -> str:
        return self._digest

    def items(self) -> Iterator[Item]:
        name = self._input.name
        try:
            data = self._input.path.read_bytes()
        except OSError as error:
            yield Reject(name, f"{name}: cannot be read ({error.strerror}); check its rights", name)
            return
        self._digest = hashlib.sha256(data).hexdigest()
        self.count = len(data)
        yield ArticleBytes(data)

    def finish(self) -> str | None:
        if self._input.size not in (None, self.count):
            return (
                f"{self._input.name}: had {self._input.size:,} bytes when the run began and {self.count:,} "
                "when it was read; annotated as it was read"
            )
        return None

    def close(self) -> None:
        """An article is closed once it is read."""


def _again(line: Row, encoding: str | None) -> Iterator[Item]:
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


def _unharmed(each: Input, digest: str) -> str | None:
    """Raise InputChangedError when an input is not any more what it was, but for what was added to it."""
    if each.size is None:
        return None
    try:
        status = each.path.stat()
    except OSError:
        return f"{each.name}: was removed during the run, after it had been read"
    if (status.st_size, status.st_mtime_ns) == (each.size, each.mtime_ns):
        return None
    if status.st_size < each.size or _hash(each.path, each.size) != digest:
        raise _changed(each)
    if status.st_size == each.size:
        return None
    return (
        f"{each.name}: grew from {each.size:,} to {status.st_size:,} bytes during the run; annotated are the "
        f"{each.size:,} it had at the start"
    )


def _changed(each: Input) -> InputChangedError:
    return InputChangedError(
        f"{each.name}: was changed during the run (other bytes, or fewer); let inputs be while they are "
        "annotated, and start again with --force"
    )


def _hash(path: Path, size: int | None) -> str:
    digest = hashlib.sha256()
    left = size if size is not None else -1
    try:
        with path.open("rb") as stream:
            while left and (block := stream.read(min(_BLOCK, left) if left > 0 else _BLOCK)):
                digest.update(block)
                left -= len(block) if left > 0 else 0
    except OSError as error:
        raise ReadingError(
            f"{printable(path)}: cannot be read ({error.strerror}); check its rights"
        ) from None
    return digest.hexdigest()
