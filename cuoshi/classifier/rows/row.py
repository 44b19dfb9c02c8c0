"""What reading a table yields: rows, and the places that could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_ROW = 16_000_000
"""Bytes of one row as it stands in a JSON lines or CSV file; a longer one is a bad row."""
MAX_RAW = 1_000_000
"""Bytes of a bad row that are kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its columns by name, where it stands (``file:line``; Parquet ``file:row``), and that number.

    The number is that of the line on which the row begins, from 1; in Parquet that of the row, from 1.
    """

    values: dict[str, Any]
    where: str
    number: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read, and why.

    ``raw`` is the row as it stands in the file, with bytes outside the encoding as U+FFFD; None where there
    is none or it is above :data:`MAX_RAW`. ``rows`` is above 1 for a damaged part of a Parquet file.
    """

    where: str
    number: int
    reason: str
    raw: str | None = None
    rows: int = 1
