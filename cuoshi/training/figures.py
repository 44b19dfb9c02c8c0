"""The figures of one data set, by their names in ``metrics.json``; docs/evaluation.md explains each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.metrics import MIN_SUPPORT, Decisions, Values, calibration_error, reliability
from cuoshi.training.mistakes import confusion_matrix, confusions
from cuoshi.training.tally import ROUNDS, SEED, Rates, Tally, average_precisions, interval, resamples
from cuoshi.training.thresholds import Scores

OVERALL_WITH_INTERVAL_BY_COLUMN = ("micro_f1", "macro_f1", "exact_match", "no_measure_f1")
RATES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Settings:
    """``min_support``: positives from which on a label counts in macro figures; ``rounds``: resamples."""

    min_support: int = MIN_SUPPORT
    rounds: int = ROUNDS
    seed: int = SEED


def figures_of(
    scores: Scores, gold: Decisions, thresholds: Scores, taxonomy: Taxonomy, settings: Settings
) -> dict[str, Any]:
    """All figures of one data set.

    Args:
        scores: ``[paragraphs, labels]``.
        gold: what is true, of the same shape.
        thresholds: one a label.
        taxonomy: its labels are the columns.
        settings: of macro figures and of the bootstrap.

    Returns:
        Overall figures at the thresholds with 95 % bootstrap intervals and the same at 0.5, by label, by
        group, calibration and confusions. What is not defined is None.
    """
    predicted = scores >= thresholds
    return {
        "paragraphs": len(gold),
        "no_measure_support": int((~gold.any(axis=1)).sum()),
        "min_support": settings.min_support,
        "macro_labels": int((gold.sum(axis=0) >= settings.min_support).sum()),
        "bootstrap": {"rounds": settings.rounds, "seed": settings.seed, "level": 0.95},
        **system_figures(scores, predicted, gold, settings),
        "at_half": overall(scores >= 0.5, gold, settings.min_support),
        "calibration": reliability(scores.astype(np.float64), gold),
        "labels": by_label(scores, gold, thresholds, taxonomy.ids, settings),
        "groups": by_group(predicted, gold, taxonomy, settings),
        "confusions": confusions(confusion_matrix(predicted, gold), taxonomy.ids),
    }


def overall(predicted: Decisions, gold: Decisions, min_support: int) -> dict[str, float | None]:
    """The overall figures of decisions."""
    found = Tally(predicted, gold, min_support).sums().overall()
    return {name: number(values[0]) for name, values in found.items()}


def system_figures(
    scores: Scores, predicted: Decisions, gold: Decisions, settings: Settings
) -> dict[str, Any]:
    """What is told of a model and of baselines alike: overall figures, intervals, ranking, calibration."""
    figures: dict[str, Any] = overall(predicted, gold, settings.min_support)
    tally = Tally(predicted, gold, settings.min_support)
    rounds = [tally.sums(w).overall() for w in resamples(len(gold), settings.rounds, settings.seed)]
    return {
        **figures,
        **ranking(scores, gold, settings.min_support),
        "intervals": {name: _interval([part[name] for part in rounds]) for name in figures},
        "calibration_error": calibration_error(scores.astype(np.float64), gold),
    }


def ranking(scores: Scores, gold: Decisions, min_support: int) -> dict[str, float | None]:
    """Average precision over all scores together, and its mean over the labels with enough positives."""
    one = np.ones((gold.size, 1), dtype=np.float32)
    enough = (gold.sum(axis=0) >= min_support) & gold.any(axis=0)
    each = [average_precisions(scores[:, c], gold[:, c], one[: len(gold)])[0] for c in np.flatnonzero(enough)]
    return {
        "micro_average_precision": number(average_precisions(scores.ravel(), gold.ravel(), one)[0]),
        "macro_average_precision": float(np.mean(each)) if each else None,
    }


def label_f1(predicted: Decisions, gold: Decisions, ids: Sequence[str]) -> dict[str, float | None]:
    """F1 by label."""
    found = Tally(predicted, gold, 0).sums().label_rates().f1[0]
    return {label: number(value) for label, value in zip(ids, found, strict=True)}


def by_label(
    scores: Scores, gold: Decisions, thresholds: Scores, ids: Sequence[str], settings: Settings
) -> dict[str, Any]:
    """A row of figures a label; ``interval`` is that of F1, as the model card reads it."""
    predicted = scores >= thresholds
    tally = Tally(predicted, gold, settings.min_support)
    point = tally.sums().label_rates()
    half = Tally(scores >= 0.5, gold, settings.min_support).sums().label_rates()
    whole = np.ones((len(gold), 1), dtype=np.float32)
    rounds: list[Rates] = []
    precisions: list[list[Values]] = [[] for _ in ids]
    for weights in resamples(len(gold), settings.rounds, settings.seed):
        rounds.append(tally.sums(weights).label_rates())
        for column, found in enumerate(precisions):
            found.append(average_precisions(scores[:, column], gold[:, column], weights))
    rows = {}
    for i, label in enumerate(ids):
        intervals = {name: _interval([getattr(part, name)[:, i] for part in rounds]) for name in RATES}
        rows[label] = {
            **{name: number(getattr(point, name)[0, i]) for name in RATES},
            "average_precision": number(average_precisions(scores[:, i], gold[:, i], whole)[0]),
            "support": int(gold[:, i].sum()),
            "predicted": int(predicted[:, i].sum()),
            "threshold": round(float(thresholds[i]), 6),
            "interval": intervals["f1"],
            "intervals": {**intervals, "average_precision": _interval(precisions[i])},
            "at_half": {name: number(getattr(half, name)[0, i]) for name in RATES},
        }
    return rows


def by_group(predicted: Decisions, gold: Decisions, taxonomy: Taxonomy, settings: Settings) -> dict[str, Any]:
    """By group of the taxonomy: whether a paragraph has any label of it, and the micro-F1 of its labels."""
    columns = {
        group.id: [taxonomy.ids.index(label.id) for label in taxonomy.labels_of(group.id)]
        for group in taxonomy.groups
    }
    columns = {name: labels for name, labels in columns.items() if labels}
    rolled = [
        np.stack([array[:, labels].any(axis=1) for labels in columns.values()], axis=1)
        for array in (predicted, gold)
    ]
    tally = Tally(rolled[0], rolled[1], settings.min_support)
    point = tally.sums().label_rates()
    rounds = [tally.sums(w).label_rates() for w in resamples(len(gold), settings.rounds, settings.seed)]
    return {
        group: {
            **{name: number(getattr(point, name)[0, i]) for name in RATES},
            "support": int(rolled[1][:, i].sum()),
            "predicted": int(rolled[0][:, i].sum()),
            "interval": _interval([part.f1[:, i] for part in rounds]),
            "labels_micro_f1": overall(predicted[:, labels], gold[:, labels], 0)["micro_f1"],
        }
        for i, (group, labels) in enumerate(columns.items())
    }


def by_column(
    values: Sequence[str], predicted: Decisions, gold: Decisions, settings: Settings
) -> dict[str, Any]:
    """Overall figures for every value that a column has; ``values`` holds one a paragraph."""
    column = np.array(values, dtype=object)
    result = {}
    for value in sorted(set(values)):
        rows = column == value
        tally = Tally(predicted[rows], gold[rows], settings.min_support)
        count = int(rows.sum())
        rounds = [tally.sums(w).overall() for w in resamples(count, settings.rounds, settings.seed)]
        result[value] = {
            "paragraphs": count,
            "no_measure_support": int((~gold[rows].any(axis=1)).sum()),
            **overall(predicted[rows], gold[rows], settings.min_support),
            "intervals": {
                name: _interval([part[name] for part in rounds]) for name in OVERALL_WITH_INTERVAL_BY_COLUMN
            },
        }
    return result


def _interval(parts: Sequence[Values]) -> list[float] | None:
    return interval(np.concatenate(parts)) if parts else None


def number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
