"""Where a model goes wrong: which label it gives where another was due, and the worst paragraphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cuoshi.training.data import Example
from cuoshi.training.metrics import Decisions
from cuoshi.training.thresholds import Scores

NONE = "none"  # in a confusion: nothing was missed, or nothing was given wrongly
_NEAR_ZERO = 1e-6  # a score of exactly 0 or 1 would make the loss infinite
Counts = npt.NDArray[np.int_]


def confusion_matrix(predicted: Decisions, gold: Decisions) -> Counts:
    """How many paragraphs miss label *i* and wrongly get label *j*: ``[labels + 1, labels + 1]``.

    The last row counts labels given wrongly where none was missed, the last column labels missed where none
    was given wrongly; the corner is 0. A paragraph with two misses and one wrong label counts in two cells.
    """
    missed = _with_none(gold & ~predicted)
    wrong = _with_none(predicted & ~gold)
    matrix: Counts = missed.T.astype(int) @ wrong.astype(int)
    matrix[-1, -1] = 0
    return matrix


def confusions(matrix: Counts, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The cells of :func:`confusion_matrix` that are not 0, the largest first."""
    names = [*ids, NONE]
    cells = sorted(np.argwhere(matrix).tolist(), key=lambda cell: (-matrix[tuple(cell)], cell))
    return [
        {"missed": names[row], "given": names[column], "count": int(matrix[row, column])}
        for row, column in cells
    ]


def _with_none(decisions: Decisions) -> Decisions:
    nothing = ~decisions.any(axis=1, keepdims=True)
    return np.concatenate([decisions, nothing], axis=1)


@dataclass(frozen=True)
class Mistake:
    """A paragraph whose label set is wrong. ``loss`` is its binary cross-entropy, summed over the labels."""

    example: Example
    loss: float
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    scores: dict[str, float]

    @property
    def missed(self) -> tuple[str, ...]:
        return tuple(label for label in self.gold if label not in self.predicted)

    @property
    def wrong(self) -> tuple[str, ...]:
        return tuple(label for label in self.predicted if label not in self.gold)

    def row(self) -> dict[str, Any]:
        """As a row of ``errors.jsonl``."""
        return {
            "id": self.example.id,
            "where": self.example.where,
            "loss": round(self.loss, 4),
            "text": self.example.text,
            "gold": list(self.gold),
            "predicted": list(self.predicted),
            "missed": list(self.missed),
            "wrong": list(self.wrong),
            "scores": self.scores,
            "meta": self.example.meta,
        }


def losses(scores: Scores, gold: Decisions) -> npt.NDArray[np.float64]:
    """Binary cross-entropy of every paragraph, summed over its labels: ``[paragraphs]``."""
    right = np.where(gold, scores, 1.0 - scores).astype(np.float64)
    summed: npt.NDArray[np.float64] = -np.log(np.maximum(right, _NEAR_ZERO)).sum(axis=1)
    return summed


def mistakes(
    examples: Sequence[Example], scores: Scores, gold: Decisions, predicted: Decisions, ids: Sequence[str]
) -> list[Mistake]:
    """Every paragraph with a wrong label set, the one of the highest loss first."""
    loss = losses(scores, gold)
    wrong = np.flatnonzero((predicted != gold).any(axis=1))
    return [
        Mistake(
            example=examples[row],
            loss=float(loss[row]),
            gold=_named(gold[row], ids),
            predicted=_named(predicted[row], ids),
            scores={label: round(float(score), 4) for label, score in zip(ids, scores[row], strict=True)},
        )
        for row in wrong[np.argsort(-loss[wrong], kind="stable")]
    ]


def _named(decisions: Decisions, ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(label for label, given in zip(ids, decisions, strict=True) if given)
