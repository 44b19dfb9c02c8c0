"""What a corpus is made of: figures for a program, tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.corpus import VALUES, Corpus
from cuoshi.training.data import Example
from cuoshi.training.tables import Table, figure

QUANTILES = (0, 5, 25, 50, 75, 95, 100)
FEW_POSITIVES = 120
SHOWN_REGIONS = 40
Counts = dict[str, dict[str, int]]

# Names of more than two characters that places begin with, and traditional writing.
LONG_NAMES = (
    "黑龙江 内蒙古 东南亚 阿根廷 澳大利亚 奥地利 巴基斯坦 俄罗斯 菲律宾 哥伦比亚 几内亚 加拿大 柬埔寨 卡塔尔 "
    "利比里亚 利比亚 马来西亚 孟加拉国 墨西哥 尼日利亚 葡萄牙 塞拉利昂 土耳其 乌克兰 西班牙 新加坡 新西兰 "
    "伊拉克 以色列 意大利"
)
SIMPLIFIED = {"台灣": "台湾", "臺灣": "台湾", "澳門": "澳门"}


def region(place: str) -> str:
    """Province, country or wider area: a place's first two characters, or more where the name has more."""
    name = next((name for name in LONG_NAMES.split() if place.startswith(name)), place[:2])
    return SIMPLIFIED.get(name, name)


def composition(corpus: Corpus, taxonomy: Taxonomy) -> dict[str, Any]:
    """Figures a split, and counts of paragraphs by label and by every other column, split by split.

    Lengths are in characters. Labels are in the taxonomy's order, years and levels in their own, all else by
    falling count. ``few_positives`` holds the labels with fewer than 120 paragraphs in ``train``.
    """
    per_label = {split: _label_counts(examples) for split, examples in corpus.splits.items()}
    labels = {label: {split: counts[label] for split, counts in per_label.items()} for label in taxonomy.ids}
    levels = _counts(corpus, lambda e: _value(e, "level"))
    return {
        "splits": {split: _split_figures(examples) for split, examples in corpus.splits.items()},
        "labels": labels,
        "few_positives": {
            label: row["train"]
            for label, row in sorted(labels.items(), key=lambda item: item[1]["train"])
            if row["train"] < FEW_POSITIVES
        },
        "genre": _by_count(_counts(corpus, lambda e: _value(e, "genre"))),
        "year": dict(sorted(_counts(corpus, lambda e: _value(e, "period")[:4]).items())),
        "disease": _by_count(_counts(corpus, lambda e: _value(e, "disease"))),
        "level": {level: row for level in VALUES["level"] if (row := levels.get(level))},
        "script": _by_count(_counts(corpus, lambda e: _value(e, "script"))),
        "region": _by_count(_counts(corpus, lambda e: region(_value(e, "place")))),
    }


def composition_tables(figures: dict[str, Any], taxonomy: Taxonomy) -> list[Table]:
    """The figures of :func:`composition` as tables; regions after the fortieth share a row."""
    splits = figures["splits"]
    heads = (*splits, "all")
    labels = [
        (label, taxonomy.label(label).name.get("zh"), *map(str, row.values()), str(sum(row.values())))
        for label, row in figures["labels"].items()
    ]
    regions = list(figures["region"].items())
    shown, rest = dict(regions[:SHOWN_REGIONS]), regions[SHOWN_REGIONS:]
    if rest:
        shown[f"{len(rest)} others"] = {split: sum(row[split] for _, row in rest) for split in splits}
    return [
        _splits_table(splits),
        Table("Paragraphs by label", ("label", "name", *heads), tuple(labels), names=2),
        _count_table("Paragraphs by genre", "genre", figures["genre"], heads),
        _count_table("Paragraphs by year", "year", figures["year"], heads),
        _count_table("Paragraphs by disease", "disease", figures["disease"], heads),
        _count_table("Paragraphs by level", "level", figures["level"], heads),
        _count_table("Paragraphs by script", "script", figures["script"], heads),
        _count_table("Paragraphs by province, country or area", "region", shown, heads),
    ]


def few_positives_line(figures: dict[str, Any]) -> str:
    """A line that names the labels with few training paragraphs."""
    few = ", ".join(f"`{label}` ({count})" for label, count in figures["few_positives"].items())
    return f"Labels with fewer than {FEW_POSITIVES} training paragraphs: {few or 'none'}."


def _split_figures(examples: Sequence[Example]) -> dict[str, Any]:
    lengths = np.array([len(example.text) for example in examples] or [0])
    number = max(len(examples), 1)
    return {
        "paragraphs": len(examples),
        "articles": len({_value(example, "article") for example in examples}),
        "characters": int(lengths.sum()),
        "labels_per_paragraph": sum(len(example.labels) for example in examples) / number,
        "without_measure": sum(not example.labels for example in examples) / number,
        "mean_length": float(lengths.mean()),
        "length_quantiles": {str(q): int(value) for q, value in _quantiles(lengths)},
    }


def _quantiles(lengths: np.typing.NDArray[np.int_]) -> list[tuple[int, float]]:
    return list(zip(QUANTILES, np.percentile(lengths, QUANTILES, method="lower").tolist(), strict=True))


def _splits_table(splits: dict[str, dict[str, Any]]) -> Table:
    columns = list(splits.values())
    rows = [
        ("paragraphs", *(str(column["paragraphs"]) for column in columns)),
        ("articles", *(str(column["articles"]) for column in columns)),
        ("characters", *(str(column["characters"]) for column in columns)),
        ("labels a paragraph, mean", *(figure(column["labels_per_paragraph"], 2) for column in columns)),
        ("share without a measure", *(figure(column["without_measure"]) for column in columns)),
        ("length, mean", *(figure(column["mean_length"], 1) for column in columns)),
    ]
    for q in QUANTILES:
        name = {0: "shortest", 50: "median length", 100: "longest"}.get(q, f"length, {q} % quantile")
        rows.append((name, *(str(column["length_quantiles"][str(q)]) for column in columns)))
    return Table("Splits (lengths in characters)", ("", *splits), tuple(rows))


def _count_table(title: str, name: str, counts: Counts, heads: tuple[str, ...]) -> Table:
    rows = tuple((key, *map(str, row.values()), str(sum(row.values()))) for key, row in counts.items())
    return Table(title, (name, *heads), rows)


def _value(example: Example, key: str) -> str:
    """A column as a string; a question mark where it is missing, which the check has told."""
    return str(example.meta.get(key, "?"))


def _label_counts(examples: Sequence[Example]) -> Counter[str]:
    return Counter(label for example in examples for label in set(example.labels))


def _counts(corpus: Corpus, value: Callable[[Example], str]) -> Counts:
    counters = {split: Counter(map(value, examples)) for split, examples in corpus.splits.items()}
    keys = dict.fromkeys(key for counter in counters.values() for key in counter)
    return {key: {split: counter[key] for split, counter in counters.items()} for key in keys}


def _by_count(counts: Counts) -> Counts:
    return dict(sorted(counts.items(), key=lambda row: (-sum(row[1].values()), row[0])))
