"""A comparison as tables and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cuoshi.classifier.taxonomy import Lang
from cuoshi.training.compare import COMPARED, Pair
from cuoshi.training.parts import check_replaceable, fresh_part, put_in_place, write_text
from cuoshi.training.report.files import json_text
from cuoshi.training.report.words import WORDS
from cuoshi.training.tables import Table, figure

CHANGES, SUMMARY = "changes.jsonl", "summary.json"
SHOWN_CHANGES = 10
_TEXT = 46  # characters of a text that is shown


def comparison_tables(
    pair: Pair, summary: dict[str, Any], changed: list[dict[str, Any]], lang: Lang
) -> list[Table]:
    """Overall figures where there are gold labels, a row a label that either side gives, and some changes."""
    tables = [_labels(pair, summary, lang)]
    if summary["gold"] is not None:
        tables.insert(0, _overall(summary["gold"], lang))
    if changed:
        tables.append(_changes(pair, changed, lang))
    return tables


def head_lines(summary: dict[str, Any], lang: Lang) -> list[str]:
    """What was compared, a line each."""
    words = WORDS[lang]
    sides = [
        f"{words[side]}: "
        + " · ".join(str(summary[side][key]) for key in ("name", "model") if summary[side].get(key))
        for side in ("a", "b")
    ]
    count = f"{words['changed']}: {summary['changed']:,} / {summary['paragraphs']:,}"
    return [*sides, count, *summary["notes"]]


def _overall(gold: dict[str, Any], lang: Lang) -> Table:
    words = WORDS[lang]
    rows = tuple(
        (
            words[name],
            figure(gold[name]["a"]),
            figure(gold[name]["b"]),
            _signed(gold[name]["difference"]),
            _bounds(gold[name]["interval"]),
            figure(gold[name]["favour_b"]),
        )
        for name in COMPARED
    )
    header = ("", words["a"], words["b"], words["difference"], "95 %", words["favour"])
    return Table(words["with_gold"].format(count=gold["paragraphs"]), header, rows)


def _labels(pair: Pair, summary: dict[str, Any], lang: Lang) -> Table:
    words = WORDS[lang]
    header = [words[key] for key in ("label", "name", "a", "b", "gained", "lost")]
    with_gold = summary["gold"] is not None
    if with_gold:
        header += [words["support"], f"F1 {words['a']}", f"F1 {words['b']}", words["difference"], "95 %"]
        header += [words["fixed"], words["broken"], words["p"]]
    rows = []
    for label, row in summary["labels"].items():
        if not (row["a"] or row["b"] or row.get("support")):
            continue
        cells = [label, pair.names[label], *(str(row[key]) for key in ("a", "b", "gained", "lost"))]
        if with_gold:
            cells += [str(row["support"]), figure(row["f1_a"]), figure(row["f1_b"])]
            cells += [_signed(row["difference"]), _bounds(row["interval"])]
            cells += [str(row["fixed"]), str(row["broken"]), figure(row["p"])]
        rows.append(tuple(cells))
    none = summary["no_measure"]
    last = ["", words["none"], *(str(none[key]) for key in ("a", "b", "gained", "lost"))]
    rows.append(tuple(last + [""] * (len(header) - len(last))))
    spare = (10, 4, 5, 7, 8) if with_gold else ()
    return Table(words["by_label"], tuple(header), tuple(rows), names=2, spare=spare)


def _changes(pair: Pair, changed: list[dict[str, Any]], lang: Lang) -> Table:
    words = WORDS[lang]

    def named(labels: list[str]) -> str:
        return "、".join(pair.names[label] for label in labels)

    rows = []
    for row in changed[:SHOWN_CHANGES]:
        text = " ".join(row["text"].split())
        shown = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
        rows.append((row["id"], shown, named(row["gained"]), named(row["lost"])))
    header = ("id", words["paragraphs"], words["gained"], words["lost"])
    title = f"{words['changes']} ({len(rows)} / {len(changed)})"
    return Table(title, header, tuple(rows), names=4)


def _signed(value: float | None) -> str:
    return figure(None) if value is None else f"{value:+.3f}"


def _bounds(low_high: list[float] | None) -> str:
    return figure(None) if low_high is None else f"{low_high[0]:+.3f} … {low_high[1]:+.3f}"


def is_comparison(folder: Path) -> bool:
    """Whether a folder holds a comparison and nothing else."""
    return {path.name for path in folder.iterdir()} == {CHANGES, SUMMARY}


def check_comparison(out: Path) -> None:
    """See that a comparison can be written to a folder.

    Raises:
        UsageError: it exists and holds something else.
    """
    check_replaceable(out, "comparison of cuoshi compare", is_comparison)


def changes_text(changed: list[dict[str, Any]]) -> str:
    """A row of JSON a changed paragraph."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in changed)


def write_comparison(out: Path, summary: dict[str, Any], changed: list[dict[str, Any]]) -> None:
    """Write a comparison as a whole; one that is there already is replaced."""
    part = fresh_part(out)
    write_text(part / SUMMARY, json_text(summary))
    write_text(part / CHANGES, changes_text(changed))
    put_in_place(part, out)
