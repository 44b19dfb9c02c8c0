"""Where output rows go: files that can be cut back to any chunk's end and then go on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from cuoshi.classifier.annotate.columns import Columns
from cuoshi.classifier.annotate.encode import csv_bytes, jsonl_bytes, packed
from cuoshi.classifier.annotate.target import Target, part, sync_folder
from cuoshi.classifier.errors import DataError
from cuoshi.classifier.names import printable


class Sink(Protocol):
    """Takes output rows, chunk by chunk."""

    def write(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Write the rows of a chunk and wait for the disk; what :meth:`restore` needs to come back here."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to the end of a chunk; ``{}`` is the beginning."""
        ...

    def clean(self) -> None:
        """Remove what is no longer needed once the chunk is in the journal."""
        ...

    def finish(self) -> list[Path]:
        """Give the output its name; returns the files."""
        ...

    def close(self) -> None:
        """Let go of open files."""
        ...


def open_sink(target: Target, columns: Columns) -> Sink:
    """The sink for a target."""
    if target.form == "parquet":
        from cuoshi.classifier.annotate.parquet_sink import ParquetSink

        return ParquetSink(target, columns)
    return TextSink(target, columns)


class TextSink:
    """JSON lines or CSV: a shard is written under the name of its part and renamed when it is full."""

    def __init__(self, target: Target, columns: Columns) -> None:
        self._target = target
        self._columns = columns
        self._shard = 0
        self._rows = 0
        self._bytes = 0
        self._stream: BinaryIO | None = None

    def write(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """See :class:`Sink`."""
        limit = self._target.shard_rows
        begin = 0
        while begin < len(rows):
            end = len(rows) if limit is None else begin + limit - self._rows
            self._append(rows[begin:end])
            begin = end
            if limit is not None and self._rows >= limit:
                self._end_shard()
        if self._stream is not None:
            os.fsync(self._stream.fileno())
        return {"shard": self._shard, "rows": self._rows, "bytes": self._bytes}

    def restore(self, state: dict[str, Any]) -> None:
        """See :class:`Sink`."""
        self._shard, self._rows, self._bytes = (state.get(name, 0) for name in ("shard", "rows", "bytes"))
        here = self._target.shard(self._shard)
        with contextlib.suppress(FileNotFoundError):
            here.replace(part(here))  # it was full, but its last chunk did not count yet
        for path in self._target.shards():
            if path != part(here) and _number(path, self._target) >= self._shard:
                path.unlink()
        if not self._bytes:
            with contextlib.suppress(FileNotFoundError):
                part(here).unlink()
            return
        size = part(here).stat().st_size if part(here).exists() else -1
        if size < self._bytes:
            raise DataError(
                f"{printable(part(here))}: shorter than the run left it; start again with --force"
            )
        self._stream = part(here).open("r+b", buffering=0)
        self._stream.truncate(self._bytes)
        self._stream.seek(self._bytes)

    def clean(self) -> None:
        """See :class:`Sink`."""

    def finish(self) -> list[Path]:
        """See :class:`Sink`."""
        if self._bytes or self._shard == 0:
            self._append([])
            self._end_shard()
        return [self._target.shard(number) for number in range(self._shard)]

    def close(self) -> None:
        """See :class:`Sink`."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _append(self, rows: Sequence[dict[str, Any]]) -> None:
        if self._target.form == "csv":
            data = csv_bytes(rows, self._columns, header=self._bytes == 0)
        else:
            data = jsonl_bytes(rows)
        if self._stream is None:
            self._stream = part(self._target.shard(self._shard)).open("wb", buffering=0)
            sync_folder(self._target.folder)
        write_all(self._stream, packed(data, self._target.packing))
        self._bytes = self._stream.tell()
        self._rows += len(rows)

    def _end_shard(self) -> None:
        assert self._stream is not None
        os.fsync(self._stream.fileno())
        self.close()
        here = self._target.shard(self._shard)
        part(here).replace(here)
        sync_folder(self._target.folder)
        self._shard, self._rows, self._bytes = self._shard + 1, 0, 0


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Write every byte to an unbuffered file."""
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]


def _number(path: Path, target: Target) -> int:
    if target.shard_rows is None:
        return 0
    digits = path.name.removeprefix("part-").partition(".")[0]
    return int(digits) if digits.isdigit() else -1
