"""Which paragraphs are learned from, which choose, which are only measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.config import TrainConfig
from cuoshi.training.data import Example, label_array, read_examples
from cuoshi.training.near import normalise

NAMES = ("train", "validation", "test")
ALIASES = {
    "train": "train",
    "training": "train",
    "训练": "train",
    "训练集": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "development": "validation",
    "验证": "validation",
    "验证集": "validation",
    "test": "test",
    "测试": "test",
    "测试集": "test",
}


@dataclass(frozen=True)
class Splits:
    """The three lists of paragraphs, and how they came about: ``files``, ``column`` or ``made``."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    method: str

    def parts(self) -> dict[str, list[Example]]:
        """The lists by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def document(self) -> dict[str, Any]:
        """``splits.json`` of a model folder: the ids of every split."""
        ids = {name: [example.id for example in part] for name, part in self.parts().items()}
        return {"method": self.method, **ids}


def read_splits(config: TrainConfig, taxonomy: Taxonomy) -> Splits:
    """Read the data and split them as the config says.

    Raises:
        DataError: the data are malformed, or a row's ``split_column`` says nothing known.
    """
    learned = read_examples(config.train, taxonomy, config.columns)
    if config.validation:
        validation = read_examples(config.validation, taxonomy, config.columns)
        test = read_examples(config.test, taxonomy, config.columns) if config.test else []
        return Splits(learned, validation, test, "files")
    if config.split_column:
        return split_by_column(learned, config.split_column)
    shares = {
        "validation": config.validation_share,
        "test": 0.0 if config.test else config.test_share,
    }
    made = make_splits(learned, taxonomy.ids, shares, config.article_column, config.seed)
    if not config.test:
        return made
    return replace(made, test=read_examples(config.test, taxonomy, config.columns))


def split_by_column(examples: Sequence[Example], column: str) -> Splits:
    """Split as a column says.

    Raises:
        DataError: a row says nothing that is known, or a split is empty.
    """
    parts: dict[str, list[Example]] = {name: [] for name in NAMES}
    for example in examples:
        value = str(example.meta.get(column, "")).strip().lower()
        if value not in ALIASES:
            raise DataError(
                f"{example.where}: column '{column}' says '{value}'; let it say train, validation or test"
            )
        parts[ALIASES[value]].append(example)
    for name in ("train", "validation"):
        if not parts[name]:
            raise DataError(f"column '{column}' has no row of '{name}'; mark some")
    return Splits(parts["train"], parts["validation"], parts["test"], "column")


def make_splits(
    examples: Sequence[Example], ids: Sequence[str], shares: dict[str, float], article: str, seed: int
) -> Splits:
    """Split at random so that every label is spread as the paragraphs are (Sechidis et al., 2011).

    Articles, and paragraphs with the same text, are kept whole. The rarest label is dealt out first, each
    time to the split that lacks most of it.

    Args:
        examples: all paragraphs.
        ids: the labels.
        shares: of ``validation`` and ``test``, between 0 and 1; training gets the rest.
        article: key of ``meta`` whose value names the article.
        seed: of the order in which groups of equal need are dealt out.
    """
    groups = _groups(examples, article)
    sizes = np.array([len(group) for group in groups], dtype=np.float64)
    # "No label" is one more column, so that it is spread as well.
    gold = label_array((example.labels for example in examples), ids).astype(np.float64)
    gold = np.hstack([gold, (gold.sum(axis=1, keepdims=True) == 0)])
    counts = np.stack([gold[group].sum(axis=0) for group in groups])
    parts = np.array([1 - sum(shares.values()), shares["validation"], shares["test"]])
    place = _deal(counts, sizes, parts, Random(seed))
    chosen: list[list[int]] = [[] for _ in NAMES]
    for number, group in enumerate(groups):
        chosen[place[number]] += group
    train, validation, test = ([examples[i] for i in sorted(part)] for part in chosen)
    return Splits(train, validation, test, "made")


def _deal(counts: Any, sizes: Any, parts: Any, random: Random) -> list[int]:
    """The split of every group: labels by rarity, groups to the split with most need of the label."""
    need = parts[:, None] * counts.sum(axis=0)
    room = parts * sizes.sum()
    place = [-1] * len(sizes)
    left = counts.sum(axis=0)
    order = list(range(len(sizes)))
    random.shuffle(order)
    open_groups = dict.fromkeys(order)
    while open_groups:
        waiting = [i for i in np.argsort(left, kind="stable") if left[i] > 0]
        label = int(waiting[0])
        holders = [group for group in open_groups if counts[group, label] > 0]
        for group in sorted(holders, key=lambda g: -sizes[g]):
            need_now = np.where(parts > 0, need[:, label], -np.inf)
            best = max(range(len(parts)), key=lambda s: (need_now[s], room[s], -s))
            place[group] = best
            need[best] -= counts[group]
            room[best] -= sizes[group]
            left = left - counts[group]
            del open_groups[group]
    return place


def _groups(examples: Sequence[Example], article: str) -> list[list[int]]:
    """Numbers of paragraphs that must stay together: those of one article or of one text."""
    first: dict[tuple[str, str], int] = {}
    root = list(range(len(examples)))

    def find(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    for number, example in enumerate(examples):
        keys = [("text", normalise(example.text))]
        if example.meta.get(article) not in (None, ""):
            keys.append(("article", str(example.meta[article])))
        for key in keys:
            other = first.setdefault(key, number)
            root[find(number)] = find(other)
    groups: dict[int, list[int]] = {}
    for number in range(len(examples)):
        groups.setdefault(find(number), []).append(number)
    return list(groups.values())
