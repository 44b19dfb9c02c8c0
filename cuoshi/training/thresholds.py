"""Thresholds a label: the one of best F1 on validation, drawn to a shared value where support is small."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuoshi.training.metrics import Decisions, Values, micro_f1

GRID = np.round(np.arange(0.10, 0.90, 0.01), 2)
MIN_SUPPORT = 20


def shared_threshold(scores: Values, gold: Decisions) -> float:
    """The one threshold for all labels with the best micro-F1."""
    return float(max(GRID, key=lambda t: (micro_f1(scores >= t, gold), -abs(t - 0.5))))


def tune(
    scores: Values, gold: Decisions, min_support: int = MIN_SUPPORT
) -> tuple[float, list[dict[str, Any]]]:
    """Tune a threshold for every label.

    For a label with at least ``min_support`` positives it is the mean of the shared threshold and of the
    middle of the plateau where F1 is within a hundredth of its best: a maximum over a few hundred rows is
    noise by itself. Other labels get the shared threshold.

    Args:
        scores: ``[paragraphs, labels]``.
        gold: what is true, of the same shape.

    Returns:
        The shared threshold, and for every label a dict of ``threshold``, ``support`` and ``tuned``.
    """
    shared = shared_threshold(scores, gold)
    rows: list[dict[str, Any]] = []
    for column in range(gold.shape[1]):
        support = int(gold[:, column].sum())
        if support < min_support:
            rows.append({"threshold": shared, "support": support, "tuned": False})
            continue
        best = _plateau(scores[:, column], gold[:, column])
        rows.append({"threshold": round((best + shared) / 2, 3), "support": support, "tuned": True})
    return shared, rows


def _plateau(scores: Values, gold: Decisions) -> float:
    predicted = scores[:, None] >= GRID[None, :]
    hits = (predicted & gold[:, None]).sum(axis=0)
    f1 = 2.0 * hits / (predicted.sum(axis=0) + gold.sum())
    near = GRID[f1 >= f1.max() - 0.01]
    return float((near.min() + near.max()) / 2)
