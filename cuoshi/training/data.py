"""Labelled paragraphs: read, checked as a whole, turned into arrays."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.rows import BadRow, read_rows
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.cells import LabelSet, label_names, split_cell, wide_labels
from cuoshi.training.misread import Header, check_known

SHOWN_PROBLEMS = 20
KEYS = ("id", "text", "labels")
Targets = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Columns:
    """Which column of the data is what.

    ``wide``: labels stand in columns of their own, named after the labels, of 0 and 1; ``labels`` is then
    not read.
    """

    id: str = "id"
    text: str = "text"
    labels: str = "labels"
    wide: bool = False


@dataclass(frozen=True)
class Example:
    """A labelled paragraph; no labels means: coded, no measure.

    ``meta`` holds the other columns, ``where`` the file and line, as ``file:line``.
    """

    id: str
    text: str
    labels: tuple[str, ...]
    meta: dict[str, Any]
    where: str = ""


def read_examples(paths: Iterable[Path], labels: LabelSet, columns: Columns | None = None) -> list[Example]:
    """Read labelled paragraphs from JSONL, CSV or Parquet.

    Labels stand in a list, in one cell (see :func:`cuoshi.training.cells.split_cell`) or in a column each;
    they are named by id or by name. A row without an id gets ``file:line`` as its id.

    Args:
        paths: the files.
        labels: a taxonomy, or the labels of a model.
        columns: which column is what; ``id``, ``text`` and ``labels`` by default.

    Raises:
        DataError: lists up to twenty problems of all files with file and line, and their number; or no row
            of a file has a column that is needed, most labels are unknown, or there is no paragraph.
    """
    files = list(paths)
    named = columns or Columns()
    names = label_names(labels)
    examples: list[Example] = []
    problems: list[str] = []
    known: dict[str, str] = {}
    for path in files:
        header = Header(path)
        for where, row, faults in rows_of(path):
            header.see(row)
            example, found = (None, faults) if faults else _example(row, where, labels, names, named)
            if example is not None:
                example = _with_known_id(example, known, found)
                examples.append(example)
            problems += [f"{where}: {problem}" for problem in found]
        header.check(named, labels)
    check_known(Counter(label for example in examples for label in example.labels), labels, files)
    if problems:
        raise DataError(problem_list(problems))
    if not examples:
        raise DataError(f"{', '.join(map(str, files))}: no labelled paragraph; give a file that has some")
    return examples


def _example(
    row: dict[str, Any], where: str, labels: LabelSet, names: Mapping[str, str], columns: Columns
) -> tuple[Example | None, list[str]]:
    """The paragraph in a row, when it can be told, and what is wrong with it."""
    wanted = [columns.text] if columns.wide else [columns.text, columns.labels]
    missing = [f"key '{key}' is missing" for key in wanted if row.get(key) is None]
    if missing:
        return None, missing
    made = columns.id not in row and columns.id == Columns.id
    name = _short(where) if made else row.get(columns.id)
    found, problems = _label_ids(row, labels, names, columns)
    problems = [*_text_problems(name, row[columns.text], columns.id, columns.text), *problems]
    used = {columns.id, columns.text, *(names if columns.wide else [columns.labels])}
    meta = {key: value for key, value in row.items() if key not in used}
    return Example(str(name), str(row[columns.text]), found, meta, where), problems


def _label_ids(
    row: dict[str, Any], labels: LabelSet, names: Mapping[str, str], columns: Columns
) -> tuple[tuple[str, ...], list[str]]:
    if columns.wide:
        chosen, problems = wide_labels(row, names)
        return tuple(chosen), problems
    cell = row[columns.labels]
    values = split_cell(cell, names) if isinstance(cell, str) else cell
    if isinstance(values, list):
        values = [names.get(value, value) if isinstance(value, str) else value for value in values]
    problems = label_problems(values, columns.labels, labels)
    return (tuple(map(str, values)) if isinstance(values, list) else ()), problems


def _with_known_id(example: Example, known: dict[str, str], problems: list[str]) -> Example:
    """The example, after its id was noted; an id that was made gets the whole path if it stands already."""
    if example.id in known and example.id == _short(example.where):
        example = replace(example, id=example.where)
    if example.id in known:
        problems.append(f"id '{example.id}' stands already at {known[example.id]}")
    known.setdefault(example.id, example.where)
    return example


def _short(where: str) -> str:
    """``file:line`` without the folders of the file."""
    return Path(where).name


def rows_of(path: Path) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """The rows of a file, each with ``file:line`` and what is wrong with it as a row.

    Raises:
        DataError: the file cannot be read.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a file of labelled paragraphs")
    for row in read_rows(path):
        if isinstance(row, BadRow):
            yield row.where, {}, [row.reason]
        else:
            yield row.where, row.values, []


def collect_examples(
    paths: Iterable[Path],
    taxonomy: Taxonomy,
    keys: Sequence[str] = KEYS,
    seen: dict[str, str] | None = None,
) -> tuple[list[Example], list[str]]:
    """Every row that can be read, faulty ones among them, and all problems as ``file:line: problem``.

    This is the strict form of the corpus: JSONL with these very keys, labels as lists of ids.

    Args:
        paths: JSONL files.
        taxonomy: what labels there are.
        keys: the keys that every row must have, :data:`KEYS` among them.
        seen: where each id stands; filled here, and shared by calls whose ids must differ.

    Raises:
        DataError: a file cannot be read.
    """
    examples: list[Example] = []
    problems: list[str] = []
    known = {} if seen is None else seen
    for path in paths:
        for where, line in numbered_lines(path):
            example, found = _parse(line, taxonomy, keys, where)
            if example is not None:
                if example.id in known:
                    found.append(f"id '{example.id}' stands already at {known[example.id]}")
                known.setdefault(example.id, where)
                examples.append(example)
            problems += [f"{where}: {problem}" for problem in found]
    return examples, problems


def numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a file that are not blank, each with ``file:line``.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        # Not splitlines(): a string in JSON may hold U+2028 or U+0085 as it is.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}); give a JSONL file") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"{path}:{number}", line


def parse_object(line: str) -> tuple[dict[str, Any], list[str]]:
    """The JSON object in a line, empty when there is a problem, and the problems."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return {}, [f"not JSON ({error.msg} at column {error.colno})"]
    return (row, []) if isinstance(row, dict) else ({}, ["not a JSON object"])


def text_rows(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a JSONL file that have a ``text``, and ``file:line: problem`` of the others.

    Raises:
        DataError: the file cannot be read.
    """
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for where, line in numbered_lines(path):
        row, found = parse_object(line)
        if not found and not isinstance(row.get("text"), str):
            found = ["key 'text' is missing or no string"]
        problems += [f"{where}: {problem}" for problem in found]
        if not found:
            rows.append(row)
    return rows, problems


def label_problems(labels: Any, key: str, taxonomy: LabelSet) -> list[str]:
    """What is wrong with the list of labels under a key of a row."""
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return [f"'{key}' is no list of label ids"]
    place = "" if key == "labels" else f" in '{key}'"
    problems = [f"unknown label '{label}'{place}" for label in labels if label not in taxonomy.ids]
    if len(set(labels)) != len(labels):
        problems.append(f"a label stands twice in '{key}'")
    return problems


def problem_list(problems: Sequence[str]) -> str:
    """The first problems, a line each, under their number."""
    shown = "\n  ".join(problems[:SHOWN_PROBLEMS])
    more = f"\n  … and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
    return f"{len(problems)} problem(s) in the data; correct them and try again:\n  {shown}{more}"


def _parse(
    line: str, taxonomy: Taxonomy, keys: Sequence[str], where: str
) -> tuple[Example | None, list[str]]:
    row, problems = parse_object(line)
    if not problems:
        problems = [f"key '{key}' is missing" for key in keys if key not in row]
    if not all(key in row for key in KEYS):
        return None, problems
    problems += _text_problems(row["id"], row["text"], "id", "text")
    problems += label_problems(row["labels"], "labels", taxonomy)
    if not isinstance(row["labels"], list):
        return None, problems
    labels = tuple(str(label) for label in row["labels"])
    meta = {key: value for key, value in row.items() if key not in KEYS}
    return Example(str(row["id"]), str(row["text"]), labels, meta, where), problems


def _text_problems(name: Any, text: Any, id_key: str, text_key: str) -> list[str]:
    problems = []
    if not _is_id(name):
        problems.append(f"'{id_key}' is empty or neither a string nor a number")
    if not isinstance(text, str) or not text.strip():
        problems.append(f"'{text_key}' is empty or no string")
    problems += [
        f"'{key}' holds half of a surrogate pair, which is no text"
        for key, value in ((id_key, name), (text_key, text))
        if any("\ud800" <= character <= "\udfff" for character in str(value))
    ]
    return problems


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int | float) and not isinstance(value, bool)


def join_neighbours(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Join some paragraphs with the next one of their article; the joined text has the labels of both.

    Written paragraphs are shorter than many real ones; joining shows a model long text with several
    measures. Every paragraph stays in the data once.

    Args:
        examples: in reading order; those with the same ``article`` in ``meta`` are neighbours.
        share: chance, from 0 to 1, that a paragraph is joined with the next.
        seed: of the choice.
    """
    random = Random(seed)
    joined: list[Example] = []
    at = 0
    while at < len(examples):
        first = examples[at]
        at += 1
        if at < len(examples) and _are_neighbours(first, examples[at]) and random.random() < share:
            second = examples[at]
            at += 1
            labels = tuple(dict.fromkeys(first.labels + second.labels))
            first = replace(first, text=first.text + second.text, labels=labels)
        joined.append(first)
    return joined


def _are_neighbours(one: Example, other: Example) -> bool:
    article = one.meta.get("article")
    return article is not None and other.meta.get("article") == article


def label_array(sets: Iterable[Iterable[str]], ids: Sequence[str]) -> LabelArray:
    """Label sets as an array ``[sets, labels]`` of yes and no, columns in the order of ``ids``."""
    rows = [set(labels) for labels in sets]
    array: LabelArray = np.zeros((len(rows), len(ids)), dtype=bool)
    for row, labels in enumerate(rows):
        array[row] = [label in labels for label in ids]
    return array


def targets(examples: Sequence[Example], ids: Sequence[str]) -> Targets:
    """Labels as an array ``[examples, labels]`` of 0 and 1, columns in the order of ``ids``."""
    return label_array((example.labels for example in examples), ids).astype(np.float32)
