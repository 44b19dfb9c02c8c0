"""Scores as probabilities: one scale and one shift of the logits, fitted on validation (Platt, 1999)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuoshi.training.metrics import Decisions, Values, calibration_error
from cuoshi.training.thresholds import Scores

ROUNDS = 50
LARGEST = 20.0
_EDGE = 1e-7


@dataclass(frozen=True)
class Calibration:
    """Logits become ``scale * logit + shift``; the calibration error before and after, on validation."""

    scale: float
    shift: float
    before: float
    after: float

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return (self.scale, self.shift) != (1.0, 0.0)

    def scores(self, scores: Scores) -> Scores:
        """Scores as they are after calibration."""
        if not self.changes:
            return scores
        return sigmoid(self.scale * logits(scores) + self.shift).astype(np.float32)


def fit_calibration(scores: Scores, gold: Decisions) -> Calibration:
    """The scale and shift of least cross-entropy, or none where the calibration error does not fall by them.

    Args:
        scores: ``[paragraphs, labels]``.
        gold: what is true, of the same shape.
    """
    before = calibration_error(scores.astype(np.float64), gold)
    values, truth = logits(scores).reshape(-1), gold.reshape(-1)
    # Platt's targets, as near to 0 and 1 as there are decisions: separable data would call for certainty.
    positive, negative = int(truth.sum()), int((~truth).sum())
    targets = np.where(truth, (positive + 1) / (positive + 2), 1 / (negative + 2))
    scale, shift = _newton(values, targets)
    if not (0 < scale < LARGEST and abs(shift) < LARGEST):
        return no_calibration(scores, gold)
    after = calibration_error(sigmoid(scale * logits(scores) + shift), gold)
    if after >= before:
        return no_calibration(scores, gold)
    return Calibration(scale, shift, before, after)


def no_calibration(scores: Scores, gold: Decisions) -> Calibration:
    """Logits left as they are."""
    error = calibration_error(scores.astype(np.float64), gold)
    return Calibration(1.0, 0.0, error, error)


def _newton(values: Values, truth: Values) -> tuple[float, float]:
    """Logistic regression of one variable by Newton's method, damped so that it can't run away."""
    weights = np.array([1.0, 0.0])
    design = np.stack([values, np.ones_like(values)], axis=1)
    for _ in range(ROUNDS):
        chance = sigmoid(design @ weights)
        gradient = design.T @ (chance - truth)
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        largest = np.abs(step).max()
        weights = weights - step / max(1.0, largest)
        if largest < 1e-6:
            break
    return float(weights[0]), float(weights[1])


def logits(scores: Scores) -> Values:
    """The logits of scores, those at the very edges drawn in."""
    inside = np.clip(scores.astype(np.float64), _EDGE, 1 - _EDGE)
    values: Values = np.log(inside / (1 - inside))
    return values


def sigmoid(values: Values) -> Values:
    """The logistic function."""
    result: Values = 1 / (1 + np.exp(-np.clip(values, -60, 60)))
    return result
