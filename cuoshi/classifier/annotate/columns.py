"""The columns of a table that is written, which are fixed before its first row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cuoshi.classifier.annotate.plan import Plan
from cuoshi.classifier.annotate.values import as_json
from cuoshi.classifier.records import safe_cell

if TYPE_CHECKING:
    import pyarrow

_WHOLE = ("index", "start", "end", "windows", "tokens", "unknown")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Columns:
    """Names in their order; ``types`` are those of carried columns that come from Parquet alone.

    A field of a row that has no column goes, as JSON, into ``more``.
    """

    names: tuple[str, ...]
    types: dict[str, Any] = field(default_factory=dict)

    def cells(self, row: dict[str, Any]) -> list[Any]:
        """The values of a row by column, what has no column in ``more``."""
        if "more" in self.names:
            rest = {name: value for name, value in row.items() if name not in self.names}
            row = {**row, "more": as_json(rest) if rest else None}
        return [row.get(name) for name in self.names]

    def csv_cells(self, row: dict[str, Any]) -> list[str | int | float]:
        """The cells of a row: labels joined by ``|``, other lists and objects as JSON, no formulas."""
        return [_cell(name, value) for name, value in zip(self.names, self.cells(row), strict=True)]

    def arrow_schema(self) -> pyarrow.Schema:
        """The schema of the Parquet file."""
        import pyarrow as pa

        return pa.schema([(name, self._arrow_type(name)) for name in self.names])

    def arrow_table(self, rows: Sequence[dict[str, Any]]) -> pyarrow.Table:
        """Rows as a table of that schema."""
        import pyarrow as pa

        schema = self.arrow_schema()
        cells = [self.cells(row) for row in rows]
        arrays = []
        for number, part in enumerate(schema):
            values = [row[number] for row in cells]
            if pa.types.is_string(part.type) and part.name not in self.types:
                values = [as_text(value) for value in values]
            arrays.append(pa.array(values, type=part.type))
        return pa.Table.from_arrays(arrays, schema=schema)

    def _arrow_type(self, name: str) -> Any:
        import pyarrow as pa

        if name in self.types:
            return self.types[name]
        if name == "labels":
            return pa.list_(pa.string())
        if name.startswith("label_"):
            return pa.int8()
        if name == "score" or name.startswith("score_"):
            return pa.float64()
        return pa.int64() if name in _WHOLE else pa.string()


def output_columns(
    carried: Iterable[str], labels: Sequence[str], plan: Plan, types: dict[str, Any], open_ended: bool
) -> Columns:
    """The columns for the ``carried`` ones of the input; ``open_ended`` when later rows may have others."""
    if plan.layout == "long":
        middle = ["label", *(["score"] if plan.scores else [])]
    else:
        wide = plan.layout == "wide"
        middle = ["labels", *(f"label_{label}" for label in labels if wide)]
        if plan.scores:
            middle += [f"score_{label}" for label in labels] if wide else ["scores"]
    end = ["windows", "tokens", "unknown", *(["more"] if open_ended else [])]
    return Columns(("id", *dict.fromkeys(carried), "text", *middle, *end), types)


def as_text(value: Any) -> str | None:
    """A value in a column of text: text, dates and bytes without the quotes of JSON, else JSON."""
    return value if value is None or isinstance(value, str) else _bare(as_json(value))


def _bare(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


def _cell(name: str, value: Any) -> str | int | float:
    if value is None:
        return ""
    if name == "labels":
        return safe_cell("|".join(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = as_text(value) or ""
    return text if _NUMBER.fullmatch(text) else safe_cell(text)
