"""Metrics of multi-label decisions, as functions of two arrays ``[paragraphs, labels]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Decisions = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

Metric = Callable[[Decisions, Decisions], float]

MIN_SUPPORT = 5  # positives from which on the F1 of a label counts in macro-F1


def f1_per_label(predicted: Decisions, gold: Decisions) -> Values:
    """F1 of each label; 0 where a label is neither predicted nor present."""
    hits = (predicted & gold).sum(axis=0)
    total = predicted.sum(axis=0) + gold.sum(axis=0)
    f1: Values = 2.0 * hits / np.maximum(total, 1)
    return f1


def micro_f1(predicted: Decisions, gold: Decisions) -> float:
    """F1 over all decisions together."""
    total = int(predicted.sum() + gold.sum())
    return 2.0 * int((predicted & gold).sum()) / total if total else 1.0


def macro_f1(predicted: Decisions, gold: Decisions, min_support: int = MIN_SUPPORT) -> float:
    """Mean F1 over the labels with at least ``min_support`` positives in ``gold``."""
    enough = gold.sum(axis=0) >= min_support
    return float(f1_per_label(predicted, gold)[enough].mean()) if enough.any() else 0.0


def exact_match(predicted: Decisions, gold: Decisions) -> float:
    """Share of paragraphs whose label sets are equal."""
    return float((predicted == gold).all(axis=1).mean())


def no_measure_f1(predicted: Decisions, gold: Decisions) -> float:
    """F1 of the answer "no measure"."""
    empty_predicted, empty_gold = ~predicted.any(axis=1), ~gold.any(axis=1)
    total = int(empty_predicted.sum() + empty_gold.sum())
    return 2.0 * int((empty_predicted & empty_gold).sum()) / total if total else 1.0


HEADLINE: dict[str, Metric] = {
    "micro_f1": micro_f1,
    "macro_f1": macro_f1,
    "exact_match": exact_match,
    "no_measure_f1": no_measure_f1,
}


def headline(predicted: Decisions, gold: Decisions) -> dict[str, float]:
    """The four figures that stand for a model."""
    return {name: metric(predicted, gold) for name, metric in HEADLINE.items()}


def reliability(scores: Values, gold: Decisions, bins: int = 15) -> list[dict[str, Any]]:
    """All scores, whatever their label, in bins of equal width; empty bins are left out.

    Returns:
        A dict a bin: ``low``, ``high``, ``count`` of scores, their ``mean_score``, and the ``share`` of them
        whose label is true.
    """
    flat, hits = scores.reshape(-1), gold.reshape(-1)
    place = np.minimum((flat * bins).astype(int), bins - 1)
    rows = []
    for number in range(bins):
        inside = place == number
        if inside.any():
            rows.append(
                {
                    "low": number / bins,
                    "high": (number + 1) / bins,
                    "count": int(inside.sum()),
                    "mean_score": float(flat[inside].mean()),
                    "share": float(hits[inside].mean()),
                }
            )
    return rows


def calibration_error(scores: Values, gold: Decisions, bins: int = 15) -> float:
    """Expected calibration error over all scores, in bins of equal width (Guo et al., 2017)."""
    rows = reliability(scores, gold, bins)
    total = sum(row["count"] for row in rows)
    return float(sum(row["count"] / total * abs(row["mean_score"] - row["share"]) for row in rows))
