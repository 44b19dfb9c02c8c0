"""Rows of tables, streamed in bounded memory: JSON lines, CSV and TSV (plain, gzip, Zstandard), Parquet."""

from __future__ import annotations

from cuoshi.classifier.rows.read import FORMATS, is_table, read_rows, table_format
from cuoshi.classifier.rows.row import MAX_ROW, BadRow, Row
from cuoshi.classifier.rows.source import ByteSource

__all__ = ["FORMATS", "MAX_ROW", "BadRow", "ByteSource", "Row", "is_table", "read_rows", "table_format"]
