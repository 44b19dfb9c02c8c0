"""Thresholds a label: the one of best F1 on validation, drawn to a shared value where support is small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np
import numpy.typing as npt

from cuoshi.training.metrics import Decisions, micro_f1

# Single precision, as a classifier's scores and thresholds are: a score of 0.3 passes a threshold of 0.3.
Scores = npt.NDArray[np.float32]
GRID: Scores = np.round(np.arange(0.10, 0.90, 0.01), 2).astype(np.float32)
MIN_SUPPORT = 20  # positives from which on a label's own best threshold is more than noise
METHOD = (
    "per label: middle of the best-F1 plateau on validation, averaged with the shared threshold; "
    f"shared threshold below {MIN_SUPPORT} positives"
)
TOLERANCE = 0.01  # how far below its best F1 may lie and still count as on the plateau


def shared_threshold(scores: Scores, gold: Decisions) -> float:
    """The one threshold for all labels with the best micro-F1; of equal ones the nearest to 0.5."""
    best = max(GRID, key=lambda t: (micro_f1(scores >= t, gold), -abs(float(t) - 0.5)))
    return round(float(best), 2)


def tune(
    scores: Scores, gold: Decisions, min_support: int = MIN_SUPPORT
) -> tuple[float, list[dict[str, Any]]]:
    """Tune a threshold for every label.

    For a label with at least ``min_support`` positives it is the mean of the shared threshold and of the
    middle of the plateau around its best F1: a maximum over a few hundred rows is noise by itself. Other
    labels get the shared threshold.

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


def limits_of(rows: Sequence[dict[str, Any]]) -> Scores:
    """The thresholds of :func:`tune` as scores are compared with them."""
    return np.array([row["threshold"] for row in rows], dtype=np.float32)


def threshold_document(
    method: str, data: str, shared: float, rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """``thresholds.json``: how they were found, on what, when, and a row a label.

    Args:
        method: in words.
        data: SHA-256 of the files they were found on, blanks between.
        shared: the one threshold for labels that have none of their own.
        rows: by label, with at least ``threshold``, ``support`` and ``tuned``.
    """
    return {
        "method": method,
        "data": data,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "shared": shared,
        "labels": rows,
    }


def _plateau(scores: Scores, gold: Decisions) -> float:
    """The middle of the run of thresholds around the best whose F1 is within :data:`TOLERANCE` of it."""
    predicted = scores[:, None] >= GRID[None, :]
    hits = (predicted & gold[:, None]).sum(axis=0)
    f1 = 2.0 * hits / (predicted.sum(axis=0) + gold.sum())
    best = int(f1.argmax())
    below = np.flatnonzero(f1 < f1[best] - TOLERANCE)
    first = int(below[below < best].max(initial=-1)) + 1
    last = int(below[below > best].min(initial=len(GRID))) - 1
    return float((GRID[first] + GRID[last]) / 2)
