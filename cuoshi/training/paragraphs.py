"""Paragraphs, labelled or not, and the rows that a run of `cuoshi label` or `cuoshi annotate` wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuoshi.classifier.errors import DataError
from cuoshi.training.cells import LabelSet, label_names, split_cell, wide_labels
from cuoshi.training.data import Columns, label_problems, problem_list, rows_of
from cuoshi.training.misread import Header


@dataclass(frozen=True)
class Paragraph:
    """A text; ``labels`` is None where it is not coded, and empty where it is coded as no measure."""

    id: str
    text: str
    labels: tuple[str, ...] | None
    where: str


@dataclass(frozen=True)
class Row:
    """A row of a run: its text, the labels it got, and everything else that stands in it."""

    text: str
    labels: tuple[str, ...]
    fields: dict[str, Any]
    where: str


def read_paragraphs(paths: Iterable[Path], labels: LabelSet, columns: Columns) -> list[Paragraph]:
    """Read paragraphs from JSONL, CSV or Parquet; a row without labels is not coded.

    Raises:
        DataError: lists problems with file and line, or no row of a file has a text, or there is no paragraph.
    """
    files = list(paths)
    names = label_names(labels)
    found: list[Paragraph] = []
    problems: list[str] = []
    for path in files:
        header = Header(path)
        for where, row, faults in rows_of(path):
            header.see(row)
            text = row.get(columns.text)
            chosen, wrong = (None, faults) if faults else _labels(row, labels, names, columns)
            if not faults and not _is_text(text):
                wrong = [*wrong, f"'{columns.text}' is missing, empty or no string"]
            problems += [f"{where}: {problem}" for problem in wrong]
            if not wrong:
                found.append(Paragraph(str(row.get(columns.id) or where), str(text), chosen, where))
        header.check(columns, labels, coded=False)
    if problems:
        raise DataError(problem_list(problems))
    if not found:
        raise DataError(f"{', '.join(map(str, files))}: no paragraph; give a file that has some")
    return found


def read_run(path: Path) -> list[Row]:
    """Read the rows of a run.

    Raises:
        DataError: the file is no JSONL of rows with ``text`` and ``labels``, or has none.
    """
    rows: list[Row] = []
    problems: list[str] = []
    for where, row, faults in rows_of(path):
        labels = row.get("labels")
        wrong = list(faults)
        if not faults and not (isinstance(labels, list) and all(isinstance(label, str) for label in labels)):
            wrong.append("'labels' is missing or no list of label ids")
        if not faults and not isinstance(row.get("text"), str):
            wrong.append("'text' is missing or no string")
        problems += [f"{where}: {problem}" for problem in wrong]
        if not wrong:
            rows.append(Row(row["text"], tuple(row["labels"]), row, where))
    if problems:
        raise DataError(problem_list(problems))
    if not rows:
        raise DataError(
            f"{path}: no row; give the JSONL of cuoshi label --format jsonl or of cuoshi annotate"
        )
    return rows


def pair_rows(a: Sequence[Row], b: Sequence[Row]) -> list[tuple[Row, Row]]:
    """The rows of two runs that are the same paragraph, in the order of the first.

    They are matched by the first that both have and share: ``id``; ``file`` and ``paragraph``; ``paragraph``;
    the text. What occurs several times is matched in order. Rows whose texts differ are not the same.
    """
    for names in (("id",), ("file", "paragraph"), ("paragraph",), ("text",)):
        if all(name in row.fields for rows in (a, b) for row in rows for name in names):
            one, other = _numbered(a, names), _numbered(b, names)
            pairs = [(row, other[key]) for key, row in one.items() if key in other]
            pairs = [(first, second) for first, second in pairs if first.text == second.text]
            if pairs:
                return pairs
    return []


def _numbered(rows: Sequence[Row], names: Sequence[str]) -> dict[tuple[str, ...], Row]:
    count: dict[tuple[str, ...], int] = {}
    keyed: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = tuple(str(row.fields[name]) for name in names)
        count[key] = count.get(key, 0) + 1
        once = (*key, str(count[key]))
        keyed[once] = row
    return keyed


def _labels(
    row: dict[str, Any], labels: LabelSet, names: Mapping[str, str], columns: Columns
) -> tuple[tuple[str, ...] | None, list[str]]:
    """The labels of a row, None where it is not coded, and what is wrong with them."""
    if columns.wide:
        if not any(name in row for name in names):
            return None, []
        chosen, problems = wide_labels(row, names)
        return tuple(chosen), problems
    cell = row.get(columns.labels)
    if cell is None:
        return None, []
    values = split_cell(cell, names) if isinstance(cell, str) else cell
    if isinstance(values, list):
        values = [names.get(value, value) if isinstance(value, str) else value for value in values]
    problems = label_problems(values, columns.labels, labels)
    return (None if problems else tuple(values)), problems


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
