"""The counterparts of the labels in other schemes of measures, read from `labels/crosswalk.csv`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from cuoshi.classifier.datafiles import data_folder
from cuoshi.classifier.errors import DataError
from cuoshi.classifier.taxonomy import Frozen, Identifier

Scheme = Literal["who_phsm", "oxcgrt", "coronanet", "cccsl"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
SCHEME_TITLES: dict[Scheme, str] = {
    "who_phsm": "WHO PHSM",
    "oxcgrt": "OxCGRT",
    "coronanet": "CoronaNet",
    "cccsl": "CCCSL",
}


class CrosswalkRow(Frozen):
    """One label's counterpart in another scheme; `code` is empty and `relation` is none where it has none.

    `name` is the scheme's own name of the code, empty where the code is a name itself or unknown.
    """

    label: Identifier
    scheme: Scheme
    code: str
    relation: Literal["exact", "partial", "none"]
    name: str = ""


def load_crosswalk(path: Path | None = None) -> list[CrosswalkRow]:
    """The rows of a crosswalk (CSV: label, scheme, code, relation, name), or of the shipped one.

    Raises DataError with the line of the first row that is malformed.
    """
    path = data_folder("labels") / "crosswalk.csv" if path is None else path
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            return [_row(record, f"{path}, line {reader.line_num}") for record in reader]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a crosswalk in CSV and UTF-8: {error}") from None


def _row(record: dict[Any, Any], where: str) -> CrosswalkRow:
    if None in record:  # csv puts surplus cells there
        raise DataError(f"{where}: more cells than columns")
    try:
        return CrosswalkRow.model_validate(record)
    except ValidationError as error:
        fault = error.errors()[0]
        raise DataError(f"{where}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None


def mark(row: CrosswalkRow) -> str:
    """The code as tables show it: `≈` before one that fits in part, a dash for none."""
    return {"exact": row.code, "partial": f"≈{row.code}", "none": "—"}[row.relation]
