"""Parquet output: a piece a chunk, put together when a shard is full.

A Parquet file cannot be cut back and continued, so each chunk becomes a small file of its own, and the
shard is made of them in one go, with row groups whose limits depend on the rows alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuoshi.classifier.annotate.columns import Columns
from cuoshi.classifier.annotate.target import Target, part, sync_folder
from cuoshi.classifier.errors import DataError, MissingExtraError
from cuoshi.classifier.names import printable

if TYPE_CHECKING:
    import pyarrow

ROW_GROUP = 32_768


class ParquetSink:
    """See :class:`cuoshi.classifier.annotate.sinks.Sink`.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, target: Target, columns: Columns) -> None:
        try:
            import pyarrow  # noqa: F401
        except ModuleNotFoundError:
            raise MissingExtraError("pyarrow", "parquet") from None
        self._target = target
        self._columns = columns
        self._shard = 0
        self._rows = 0
        self._pieces = 0

    def write(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """See :class:`~cuoshi.classifier.annotate.sinks.Sink`."""
        limit = self._target.shard_rows
        begin = 0
        while begin < len(rows):
            end = len(rows) if limit is None else begin + limit - self._rows
            self._write_piece(rows[begin:end])
            begin = end
            if limit is not None and self._rows >= limit:
                self._end_shard()
        return {"shard": self._shard, "rows": self._rows, "pieces": self._pieces}

    def restore(self, state: dict[str, Any]) -> None:
        """See :class:`~cuoshi.classifier.annotate.sinks.Sink`."""
        self._shard, self._rows, self._pieces = (state.get(name, 0) for name in ("shard", "rows", "pieces"))
        for path in self._target.shards():
            if self._target.shard_rows is None or path.name >= self._target.shard(self._shard).name:
                path.unlink()
        wanted = {self._piece(number).name for number in range(self._pieces)}
        here = set(os.listdir(self._target.pieces)) if self._target.pieces.is_dir() else set()  # noqa: PTH208
        if wanted - here:
            lost = self._target.pieces / min(wanted - here)
            raise DataError(f"{printable(lost)}: missing; start again with --force")
        for name in here - wanted:
            (self._target.pieces / name).unlink()

    def clean(self) -> None:
        """Remove the pieces of shards that are put together."""
        for path in self._target.pieces.glob("*.parquet") if self._shard else ():
            if int(path.name.partition("-")[0]) < self._shard:
                path.unlink()

    def finish(self) -> list[Path]:
        """See :class:`~cuoshi.classifier.annotate.sinks.Sink`."""
        if self._rows or self._shard == 0:
            self._end_shard()
        return [self._target.shard(number) for number in range(self._shard)]

    def close(self) -> None:
        """Nothing is open between chunks."""

    def _piece(self, number: int) -> Path:
        return self._target.pieces / f"{self._shard:05d}-{number:06d}.parquet"

    def _write_piece(self, rows: Sequence[dict[str, Any]]) -> None:
        import pyarrow.parquet as pq

        self._target.pieces.mkdir(exist_ok=True)
        path = self._piece(self._pieces)
        with part(path).open("wb") as stream:
            pq.write_table(self._columns.arrow_table(rows), stream, compression="zstd")
            stream.flush()
            os.fsync(stream.fileno())
        part(path).replace(path)
        sync_folder(self._target.pieces)
        self._pieces += 1
        self._rows += len(rows)

    def _end_shard(self) -> None:
        import pyarrow.parquet as pq

        here = self._target.shard(self._shard)
        schema = self._columns.arrow_schema()
        with (
            part(here).open("wb") as stream,
            pq.ParquetWriter(stream, schema, compression="zstd", write_page_checksum=True) as writer,
        ):
            for table in self._groups():
                writer.write_table(table, row_group_size=ROW_GROUP)
        _sync(part(here))
        part(here).replace(here)
        sync_folder(self._target.folder)
        self._shard, self._rows, self._pieces = self._shard + 1, 0, 0

    def _groups(self) -> Iterator[pyarrow.Table]:
        """The rows of the pieces as tables of ``ROW_GROUP`` rows each."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        held: list[pyarrow.Table] = []
        rows = 0
        for number in range(self._pieces):
            table = pq.read_table(self._piece(number), schema=self._columns.arrow_schema())
            held.append(table)
            rows += table.num_rows
            while rows >= ROW_GROUP:
                whole = pa.concat_tables(held)
                yield whole.slice(0, ROW_GROUP)
                held = [whole.slice(ROW_GROUP)]
                rows -= ROW_GROUP
        if rows:
            yield pa.concat_tables(held)


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
