"""Parquet, by batches of rows within row groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuoshi.classifier.errors import MissingExtraError, ReadingError
from cuoshi.classifier.names import printable
from cuoshi.classifier.rows.row import BadRow, Row

if TYPE_CHECKING:
    import pyarrow

_BATCH = 1_024
_BUFFER = 1 << 20


def open_parquet(path: Path) -> Any:
    """Open a Parquet file to be read in parts; returns a ``pyarrow.parquet.ParquetFile``.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ReadingError: it is no Parquet file, or its footer is damaged.
    """
    try:
        import pyarrow
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise MissingExtraError("pyarrow", "parquet") from None
    try:
        # read through a buffer: a column of a large row group is not held whole
        return pq.ParquetFile(path, buffer_size=_BUFFER, page_checksum_verification=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise ReadingError(
            f"{printable(path)}: not a Parquet file or a damaged one ({_short(error)}); get it again"
        ) from None


def parquet_schema(path: Path) -> pyarrow.Schema:
    """The columns of a Parquet file; raises as :func:`open_parquet` does."""
    with open_parquet(path) as file:
        return file.schema_arrow


def parquet_rows(path: Path) -> Iterator[Row | BadRow]:
    """The rows of a Parquet file, as plain Python values.

    The rest of a row group behind a damaged page is one bad row that says how many; the next is read again.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ReadingError: it is no Parquet file, or its footer is damaged.
    """
    import_error = (OSError, ValueError, MemoryError)  # pyarrow's exceptions derive from these
    name = printable(path)
    with open_parquet(path) as file:
        begin = 0
        for group in range(file.num_row_groups):
            total = file.metadata.row_group(group).num_rows
            done = 0
            try:
                for batch in file.iter_batches(batch_size=_BATCH, row_groups=[group]):
                    for values in batch.to_pylist():
                        done += 1
                        number = begin + done
                        yield Row(values, f"{name}:{number}", number)
            except import_error as error:
                number = begin + done + 1
                reason = (
                    f"rows {number:,} to {begin + total:,} cannot be read, a damaged page ({_short(error)})"
                )
                yield BadRow(f"{name}:{number}", number, reason, rows=total - done)
            begin += total


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
