"""Rows into the bytes of an output file: JSON lines and CSV, compressed a chunk at a time."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Sequence
from typing import Any

from cuoshi.classifier.annotate.columns import Columns
from cuoshi.classifier.annotate.values import as_json


def jsonl_bytes(rows: Sequence[dict[str, Any]]) -> bytes:
    """A JSON object a line, in UTF-8 without escapes."""
    return "".join(f"{as_json(row)}\n" for row in rows).encode("utf-8", "replace")


def csv_bytes(rows: Sequence[dict[str, Any]], columns: Columns, header: bool) -> bytes:
    """CSV as spreadsheets read it; ``header`` begins a file, with a byte order mark."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    if header:
        stream.write("\ufeff")
        writer.writerow(columns.names)
    writer.writerows(columns.csv_cells(row) for row in rows)
    return stream.getvalue().encode("utf-8", "replace")


def packed(data: bytes, packing: str) -> bytes:
    """``data`` compressed by itself, as a member (gzip) or frame (Zstandard) that can follow others.

    The same data gives the same bytes: no time and no name is in them.
    """
    if not data or not packing:
        return data
    if packing == "gz":
        return gzip.compress(data, compresslevel=6, mtime=0)
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress(data, level=3)
