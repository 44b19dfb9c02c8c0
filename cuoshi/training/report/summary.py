"""The figures of ``metrics.json`` as tables, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cuoshi.classifier.taxonomy import Lang, Taxonomy
from cuoshi.training.mistakes import NONE
from cuoshi.training.report.words import WORDS
from cuoshi.training.tables import Table, figure

_SYSTEM = (
    *("micro_precision", "micro_recall", "micro_f1", "macro_f1", "samples_f1", "exact_match"),
    *("no_measure_f1", "macro_average_precision", "calibration_error"),
)
_PART = ("micro_precision", "micro_recall", "micro_f1", "macro_f1", "exact_match", "no_measure_f1")
_WITH_INTERVAL = ("micro_f1", "macro_f1", "exact_match", "no_measure_f1")
SHOWN_PAIRS = 15
SHOWN_VALUES = 40


def all_tables(figures: dict[str, Any], taxonomy: Taxonomy, lang: Lang) -> list[Table]:
    """Every table of the terminal, in reading order."""
    pairs = pairs_table(figures, taxonomy, lang)
    return [
        systems_table(figures, lang),
        labels_table(figures, taxonomy, lang),
        groups_table(figures, taxonomy, lang),
        *column_tables(figures, lang),
        *([pairs] if pairs.rows else []),
    ]


def systems_table(figures: dict[str, Any], lang: Lang) -> Table:
    """The model at its thresholds and at 0.5, and the baselines, a row each."""
    words = WORDS[lang]
    rows = [
        (words["at_thresholds"], figures),
        (words["at_half"], {**_ranking(figures), **figures["at_half"]}),
    ]
    rows += [(words[name], row) for name, row in figures.get("baselines", {}).items()]
    cells = tuple((name, *(cell(row, key, key in _WITH_INTERVAL) for key in _SYSTEM)) for name, row in rows)
    header = (words["system"], *(words[key] for key in _SYSTEM))
    return Table(words["overall"], header, cells, spare=(9, 5, 8, (1, 2), 6))


def labels_table(figures: dict[str, Any], taxonomy: Taxonomy, lang: Lang) -> Table:
    """A row a label."""
    words = WORDS[lang]
    rows = tuple(
        (
            label,
            taxonomy.label(label).name.get(lang),
            *(figure(row[key]) for key in ("precision", "recall")),
            _bracketed(row["f1"], row["interval"], 2),
            figure(row["at_half"]["f1"]),
            figure(row["average_precision"]),
            str(row["support"]),
            str(row["predicted"]),
            figure(row["threshold"]),
        )
        for label, row in figures["labels"].items()
    )
    keys = (
        "label",
        "name",
        "precision",
        "recall",
        "f1",
        "f1_half",
        "average_precision",
        "support",
        "predicted",
    )
    return Table(
        words["by_label"], (*(words[k] for k in keys), words["threshold"]), rows, names=2, spare=(5, 8, 9, 6)
    )


def groups_table(figures: dict[str, Any], taxonomy: Taxonomy, lang: Lang) -> Table:
    """A row a group of the taxonomy."""
    words = WORDS[lang]
    names = {group.id: group.name.get(lang) for group in taxonomy.groups}
    rows = tuple(
        (
            group,
            names[group],
            figure(row["precision"]),
            figure(row["recall"]),
            _bracketed(row["f1"], row["interval"], 2),
            figure(row["labels_micro_f1"]),
            str(row["support"]),
            str(row["predicted"]),
        )
        for group, row in figures["groups"].items()
    )
    keys = ("group", "name", "precision", "recall", "f1", "labels_micro_f1", "support", "predicted")
    return Table(words["by_group"], tuple(words[key] for key in keys), rows, names=2, spare=(5, 7))


def column_tables(figures: dict[str, Any], lang: Lang) -> list[Table]:
    """A table for each column asked for; the values with the most paragraphs when there are many."""
    return [
        _column_table(key.removeprefix("by_"), parts, lang)
        for key, parts in figures.items()
        if key.startswith("by_")
    ]


def _column_table(column: str, parts: dict[str, Any], lang: Lang) -> Table:
    words = WORDS[lang]
    largest = sorted(parts, key=lambda value: -parts[value]["paragraphs"])[:SHOWN_VALUES]
    rows = tuple(
        (
            value or words["empty"],
            str(parts[value]["paragraphs"]),
            *(cell(parts[value], key, key in _WITH_INTERVAL) for key in _PART),
        )
        for value in parts
        if value in set(largest)
    )
    header = (words["value"], words["paragraphs"], *(words[key] for key in _PART))
    return Table(words["by_column"].format(column=column), header, rows, spare=((2, 3), 5, 6))


def pairs_table(figures: dict[str, Any], taxonomy: Taxonomy, lang: Lang) -> Table:
    """The most frequent mistakes: what was missed, what was given."""
    words = WORDS[lang]
    rows = tuple(
        (
            label_name(pair["missed"], taxonomy, lang),
            label_name(pair["given"], taxonomy, lang),
            str(pair["count"]),
        )
        for pair in figures["confusions"][:SHOWN_PAIRS]
    )
    header = (words["missed"], words["given"], words["paragraphs"])
    return Table(words["confusions"], header, rows, names=2)


def notes(figures: dict[str, Any], lang: Lang) -> list[str]:
    """What a reader must know to read the figures, a line each."""
    words = WORDS[lang]
    lines = [
        words["overall_note"].format(
            rounds=figures["bootstrap"]["rounds"],
            support=figures["min_support"],
            labels=figures["macro_labels"],
        )
    ]
    if "baselines" in figures:
        source = words["from_train" if figures.get("baseline_frequencies") == "train" else "from_data"]
        lines.append(words["baseline_note"].format(source=source))
    if figures.get("train_overlap"):
        lines.append(words["train_overlap"].format(count=figures["train_overlap"]))
    empty = [label for label, row in figures["labels"].items() if not row["support"]]
    if empty:
        lines.append(words["not_positive"].format(labels=", ".join(empty)))
    return lines


def label_name(label: str, taxonomy: Taxonomy, lang: Lang) -> str:
    """The name of a label, or what stands for none."""
    return WORDS[lang]["nothing"] if label == NONE else taxonomy.label(label).name.get(lang)


def cell(row: dict[str, Any], key: str, with_interval: bool) -> str:
    """A figure, with its interval where it has one and that is wanted."""
    found = row.get("intervals", {}).get(key) if with_interval else None
    return _bracketed(row.get(key), found, 2)


def _bracketed(value: float | None, low_high: Sequence[float] | None, digits: int) -> str:
    if value is None or low_high is None:
        return figure(value)
    return f"{value:.3f} [{low_high[0]:.{digits}f}–{low_high[1]:.{digits}f}]"


def _ranking(figures: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on thresholds."""
    return {
        key: figures[key]
        for key in ("macro_average_precision", "micro_average_precision", "calibration_error")
    }
