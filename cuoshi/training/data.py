"""Labelled paragraphs: read, checked as a whole, turned into token ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.taxonomy import Taxonomy

SHOWN_PROBLEMS = 20
Targets = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A labelled paragraph; no labels means: coded, no measure. ``meta`` holds the other columns."""

    id: str
    text: str
    labels: tuple[str, ...]
    meta: dict[str, Any]


def read_examples(paths: Iterable[Path], taxonomy: Taxonomy) -> list[Example]:
    """Read JSONL files of ``{"id", "text", "labels", …}``.

    Raises:
        DataError: lists up to twenty problems of all files with file and line, and their number.
    """
    examples: list[Example] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read as UTF-8 text ({error}); give a JSONL file") from None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            example, found = _parse(line, taxonomy)
            if example is not None and example.id in seen:
                found.append(f"id '{example.id}' stands already at {seen[example.id]}")
            problems += [f"{where}: {problem}" for problem in found]
            if example is not None and not found:
                seen[example.id] = where
                examples.append(example)
    if problems:
        raise DataError(problem_list(problems))
    return examples


def problem_list(problems: Sequence[str]) -> str:
    """The first problems, a line each, under their number."""
    shown = "\n  ".join(problems[:SHOWN_PROBLEMS])
    more = f"\n  … and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
    return f"{len(problems)} problem(s) in the data; correct them and try again:\n  {shown}{more}"


def _parse(line: str, taxonomy: Taxonomy) -> tuple[Example | None, list[str]]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return None, [f"not JSON ({error.msg} at column {error.colno})"]
    if not isinstance(row, dict):
        return None, ["not a JSON object"]
    problems = [f"key '{key}' is missing" for key in ("id", "text", "labels") if key not in row]
    if problems:
        return None, problems
    if not isinstance(row["text"], str) or not row["text"].strip():
        problems.append("'text' is empty or no string")
    labels = row["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return None, [*problems, "'labels' is no list of label ids"]
    problems += [f"unknown label '{label}'" for label in labels if label not in taxonomy.ids]
    if len(set(labels)) != len(labels):
        problems.append("a label stands twice in 'labels'")
    meta = {key: value for key, value in row.items() if key not in ("id", "text", "labels")}
    return Example(str(row["id"]), str(row["text"]), tuple(labels), meta), problems


def targets(examples: Sequence[Example], ids: Sequence[str]) -> Targets:
    """Labels as an array ``[examples, labels]`` of 0 and 1, columns in the order of ``ids``."""
    index = {label: i for i, label in enumerate(ids)}
    array = np.zeros((len(examples), len(ids)), dtype=np.float32)
    for row, example in enumerate(examples):
        for label in example.labels:
            array[row, index[label]] = 1.0
    return array
