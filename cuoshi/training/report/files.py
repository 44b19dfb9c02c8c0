"""What a report consists of: ``metrics.json``, ``per_label.csv``, ``errors.jsonl`` and ``report.html``."""

from __future__ import annotations

import csv
import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cuoshi.classifier.errors import MissingExtraError
from cuoshi.classifier.records import safe_cell
from cuoshi.classifier.taxonomy import Lang, Taxonomy
from cuoshi.training.evaluate import Evaluation
from cuoshi.training.mistakes import mistakes
from cuoshi.training.parts import check_replaceable, fresh_part, put_in_place, write_text
from cuoshi.training.report.page import page_text

METRICS, PER_LABEL, ERRORS, PAGE = "metrics.json", "per_label.csv", "errors.jsonl", "report.html"
FILES = frozenset({METRICS, PER_LABEL, ERRORS, PAGE})
_RATES = ("precision", "recall", "f1", "average_precision")


def is_report(folder: Path) -> bool:
    """Whether a folder holds a report and nothing else."""
    return {path.name for path in folder.iterdir()} == FILES


def check_report(out: Path) -> None:
    """See that a report can be written to a folder, before anything is scored.

    Raises:
        MissingExtraError: what draws the plots is not installed.
        UsageError: it exists and holds something else.
    """
    for package in ("matplotlib", "sklearn"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train")
    check_replaceable(out, "report of cuoshi evaluate", is_report)


def write_report(out: Path, done: Evaluation, lang: Lang) -> None:
    """Write a report as a whole; one that is there already is replaced."""
    errors = mistakes(done.examples, done.scores, done.gold, done.predicted, done.taxonomy.ids)
    part = fresh_part(out)
    write_text(part / METRICS, json_text(done.figures))
    write_text(part / PER_LABEL, per_label_csv(done.figures, done.taxonomy))
    write_text(part / ERRORS, "".join(whole(json.dumps(e.row(), ensure_ascii=False)) + "\n" for e in errors))
    write_text(part / PAGE, whole(page_text(done, errors, lang)))
    put_in_place(part, out)


def json_text(value: dict[str, Any]) -> str:
    """Indented JSON; NaN is no JSON and would be an error."""
    return whole(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)) + "\n"


def whole(text: str) -> str:
    """The text with halves of surrogate pairs, which UTF-8 cannot carry, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def per_label_csv(figures: dict[str, Any], taxonomy: Taxonomy) -> str:
    """A row a label; it begins with a byte order mark and runs no formula in a spreadsheet."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    bounds = [f"{name}_{end}" for name in _RATES for end in ("low", "high")]
    half = [f"{name}_at_half" for name in _RATES[:3]]
    names = (
        "label",
        "name_zh",
        "name_en",
        "group",
        *_RATES,
        *bounds,
        *half,
        "support",
        "predicted",
        "threshold",
    )
    writer.writerow(names)
    for label, row in figures["labels"].items():
        known = taxonomy.label(label)
        cells = [
            label,
            known.name.zh or "",
            known.name.en or "",
            known.group,
            *(row[name] for name in _RATES),
        ]
        for name in _RATES:
            cells += row["intervals"][name] or ["", ""]
        cells += [row["at_half"][name] for name in _RATES[:3]]
        cells += [row["support"], row["predicted"], row["threshold"]]
        writer.writerow(["" if cell is None else safe_cell(cell) for cell in cells])
    return "\ufeff" + stream.getvalue()
