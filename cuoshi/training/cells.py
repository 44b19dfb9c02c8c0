"""Labels as they stand in a row: a list, a cell that holds several ids, or a column a label."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cuoshi.classifier.modelfolder import Labels
from cuoshi.classifier.taxonomy import Taxonomy

LabelSet = Taxonomy | Labels
SEPARATORS = ("|｜", ";；", ",，、")
YES = frozenset({"1", "1.0", "true", "yes", "y", "是"})
NO = frozenset({"", "0", "0.0", "false", "no", "n", "否", "nan", "none"})


def label_names(labels: LabelSet) -> dict[str, str]:
    """What a row may call a label, its id or one of its names, and the id; ambiguous names are left out."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for label in labels.labels:
        names = label.name if isinstance(label.name, dict) else label.name.model_dump(exclude_none=True)
        for name in set(names.values()):
            twice |= {name} & found.keys()
            found[name] = label.id
    kept = {name: label for name, label in found.items() if name not in twice}
    return {**kept, **{label: label for label in labels.ids}}


def split_cell(cell: str, known: Mapping[str, str]) -> list[Any]:
    """The labels that one cell names: a JSON list, or ids with ``|``, else ``;``, else ``,`` between them.

    A cell that is the name of a label is that label, whatever signs it holds; an empty cell is no label.
    """
    text = cell.strip()
    if not text or text in known:
        return [text] if text else []
    if text.startswith("[") and text.endswith("]"):
        try:
            values = json.loads(text)
        except json.JSONDecodeError:  # such as a list that Python printed, with single quotes
            values = [part.strip().strip("'\"") for part in text[1:-1].split(",") if part.strip()]
        return list(values)
    for signs in SEPARATORS:
        if any(sign in text for sign in signs):
            for sign in signs[1:]:
                text = text.replace(sign, signs[0])
            return [part.strip() for part in text.split(signs[0]) if part.strip()]
    return [text]


def wide_labels(row: Mapping[str, Any], names: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The labels whose columns say yes, and what is wrong with the columns.

    Args:
        row: has, for every label, a column named after its id or one of its names, of 0 and 1.
        names: of :func:`label_names`.
    """
    columns = {label: name for name, label in names.items() if name in row}
    missing = [label for label in dict.fromkeys(names.values()) if label not in columns]
    problems = [f"no column for the label(s) {', '.join(missing)}"] if missing else []
    chosen: list[str] = []
    for label, name in columns.items():
        value = "" if row[name] is None else str(row[name]).strip().lower()
        if value in YES:
            chosen.append(label)
        elif value not in NO:
            problems.append(f"'{name}' is '{row[name]}', neither 0 nor 1")
    return chosen, problems
