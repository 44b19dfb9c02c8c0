"""Readers of one input each: its items in order, and the hash of what was read for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from cuoshi.classifier.annotate.inputs import Input
from cuoshi.classifier.annotate.items import ArticleBytes, Item
from cuoshi.classifier.annotate.plan import Reject
from cuoshi.classifier.annotate.retry import again
from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.names import printable
from cuoshi.classifier.rows import ByteSource, InputChangedError, Row, read_rows, table_format

_BLOCK = 1 << 20
_NOTHING = hashlib.sha256().hexdigest()


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
                    yield from again(row, self._encoding)
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
