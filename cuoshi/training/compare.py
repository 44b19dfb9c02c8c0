"""Two models or two runs over the same paragraphs: what changed, and whether it changed for the better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cuoshi.training.figures import Settings, number
from cuoshi.training.metrics import Decisions, Values
from cuoshi.training.tally import Tally, interval, resamples

SCHEMA_VERSION = "1.0"  # of summary.json
COMPARED = ("micro_f1", "macro_f1", "exact_match", "no_measure_f1")


@dataclass(frozen=True)
class Pair:
    """What two sides say of the same paragraphs.

    ``a`` and ``b`` are decisions ``[paragraphs, labels]``; ``coded`` ``[paragraphs]`` says which paragraphs
    have gold labels, in the rows of ``gold`` ``[paragraphs, labels]``. ``about_a`` and ``about_b`` tell what
    the sides are; ``notes`` what a reader must know.
    """

    labels: tuple[str, ...]
    names: dict[str, str]
    ids: list[str]
    texts: list[str]
    a: Decisions
    b: Decisions
    gold: Decisions
    coded: npt.NDArray[np.bool_]
    about_a: dict[str, Any]
    about_b: dict[str, Any]
    notes: list[str]


def compare(pair: Pair, settings: Settings) -> dict[str, Any]:
    """What goes into ``summary.json``; docs/evaluation.md explains every name.

    Against gold labels: each overall figure of both sides, their difference with the 95 % interval of a
    paired bootstrap and the share of resamples in favour of ``b``; by label what was fixed and what was
    broken, with the exact p value of McNemar's test.
    """
    changed = (pair.a != pair.b).any(axis=1)
    none_a, none_b = (np.logical_not(side.any(axis=1)) for side in (pair.a, pair.b))
    summary: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "a": pair.about_a,
        "b": pair.about_b,
        "notes": pair.notes,
        "paragraphs": len(pair.ids),
        "changed": int(changed.sum()),
        "no_measure": _turnover(none_a, none_b),
        "labels": {
            label: _turnover(pair.a[:, column], pair.b[:, column]) for column, label in enumerate(pair.labels)
        },
        "gold": None,
    }
    if pair.coded.any():
        a, b, gold = (array[pair.coded] for array in (pair.a, pair.b, pair.gold))
        summary["gold"] = against_gold(a, b, gold, settings)
        for label, row in zip(pair.labels, _label_rows(a, b, gold, settings), strict=True):
            summary["labels"][label] |= row
    return summary


def changes(pair: Pair) -> list[dict[str, Any]]:
    """A row for every paragraph whose labels differ: what ``b`` gained and lost, and with gold labels what it
    fixed and broke."""
    rows = []
    for at in np.flatnonzero((pair.a != pair.b).any(axis=1)):
        a, b, gold = pair.a[at], pair.b[at], pair.gold[at]
        row: dict[str, Any] = {
            "id": pair.ids[at],
            "text": pair.texts[at],
            "a": _named(a, pair.labels),
            "b": _named(b, pair.labels),
            "gained": _named(b & ~a, pair.labels),
            "lost": _named(a & ~b, pair.labels),
        }
        if pair.coded[at]:
            row["gold"] = _named(gold, pair.labels)
            row["fixed"] = _named((a != gold) & (b == gold), pair.labels)
            row["broken"] = _named((a == gold) & (b != gold), pair.labels)
        rows.append(row)
    return rows


def against_gold(a: Decisions, b: Decisions, gold: Decisions, settings: Settings) -> dict[str, Any]:
    """Overall figures of two sides over the same paragraphs; resamples are the same for both."""
    one, other = (Tally(decisions, gold, settings.min_support) for decisions in (a, b))
    points = [tally.sums().overall() for tally in (one, other)]
    rounds: dict[str, list[Values]] = {name: [] for name in COMPARED}
    for weights in resamples(len(gold), settings.rounds, settings.seed):
        parts = [tally.sums(weights).overall() for tally in (one, other)]
        for name, found in rounds.items():
            found.append(parts[1][name] - parts[0][name])
    return {
        "paragraphs": len(gold),
        "min_support": settings.min_support,
        "bootstrap": {"rounds": settings.rounds, "seed": settings.seed, "level": 0.95},
        **{
            name: {
                "a": number(points[0][name][0]),
                "b": number(points[1][name][0]),
                **_difference(points[1][name][0] - points[0][name][0], found),
            }
            for name, found in rounds.items()
        },
    }


def _label_rows(a: Decisions, b: Decisions, gold: Decisions, settings: Settings) -> list[dict[str, Any]]:
    one, other = (Tally(decisions, gold, 0) for decisions in (a, b))
    f1_a, f1_b = (tally.sums().label_rates().f1[0] for tally in (one, other))
    rounds = [
        other.sums(weights).label_rates().f1 - one.sums(weights).label_rates().f1
        for weights in resamples(len(gold), settings.rounds, settings.seed)
    ]
    rows = []
    for column in range(gold.shape[1]):
        right_a, right_b = a[:, column] == gold[:, column], b[:, column] == gold[:, column]
        fixed, broken = int((right_b & ~right_a).sum()), int((right_a & ~right_b).sum())
        rows.append(
            {
                "support": int(gold[:, column].sum()),
                "f1_a": number(f1_a[column]),
                "f1_b": number(f1_b[column]),
                **_difference(f1_b[column] - f1_a[column], [part[:, column] for part in rounds]),
                "fixed": fixed,
                "broken": broken,
                "p": mcnemar(fixed, broken),
            }
        )
    return rows


def mcnemar(fixed: int, broken: int) -> float | None:
    """Exact two-sided p value: the chance of so uneven a split were both equally likely; None without any.

    Source: McNemar, Note on the sampling error of the difference between correlated proportions (1947), in
    its exact, binomial form.
    """
    from scipy.stats import binomtest

    return float(binomtest(fixed, fixed + broken, 0.5).pvalue) if fixed + broken else None


def _difference(value: float, parts: Sequence[Values]) -> dict[str, Any]:
    """A difference with its interval and the share of resamples above 0; a tie counts as half."""
    drawn = np.concatenate(parts) if parts else np.empty(0)
    drawn = drawn[~np.isnan(drawn)]
    favour = float((drawn > 0).mean() + 0.5 * (drawn == 0).mean()) if len(drawn) else None
    return {"difference": number(value), "interval": interval(drawn), "favour_b": favour}


def _turnover(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> dict[str, int]:
    return {
        "a": int(a.sum()),
        "b": int(b.sum()),
        "gained": int((b & ~a).sum()),
        "lost": int((a & ~b).sum()),
    }


def _named(decisions: npt.NDArray[np.bool_], labels: Sequence[str]) -> list[str]:
    return [label for label, given in zip(labels, decisions, strict=True) if given]
