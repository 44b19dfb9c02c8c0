"""Every figure of multi-label decisions from one matrix of counts, for all paragraphs or for many resamples.

Each figure is a quotient of sums over paragraphs. What is summed stands in a matrix
``[paragraphs, columns]``; one product with the weights of resamples ``[paragraphs, rounds]`` gives the sums
of all of them, so that a thousand rounds cost a matrix product instead of a thousand evaluations. Undefined
figures (nothing predicted, nothing true) are NaN here and become null in JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cuoshi.training.metrics import Decisions, Values

Weights = npt.NDArray[np.float32]
ROUNDS = 1000
SEED = 0
_CHUNK = 12_000_000  # weights held at a time: 48 MB


@dataclass(frozen=True)
class Rates:
    """Precision, recall and F1, each of the shape that was counted; NaN where a figure is not defined."""

    precision: Values
    recall: Values
    f1: Values


def rates(hits: Values, predicted: Values, gold: Values) -> Rates:
    """Precision, recall and F1 from counts."""
    return Rates(quotient(hits, predicted), quotient(hits, gold), quotient(2 * hits, predicted + gold))


def quotient(above: Values, below: Values) -> Values:
    """``above / below``; NaN where ``below`` is 0."""
    empty = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    result: Values = np.divide(above, below, out=empty, where=below > 0)
    return result


class Tally:
    """Counts of decisions against what is true, both ``[paragraphs, labels]``."""

    def __init__(self, predicted: Decisions, gold: Decisions, min_support: int) -> None:
        hits = predicted & gold
        no_predicted, no_gold = ~predicted.any(axis=1), ~gold.any(axis=1)
        self.labels = gold.shape[1]
        self.paragraphs = len(gold)
        # Macro figures keep their labels in every resample: those with enough positives in all paragraphs.
        self.enough = gold.sum(axis=0) >= min_support
        none = np.stack([no_predicted & no_gold, no_predicted, no_gold], axis=1)
        per_row = _sample_rates(hits.sum(axis=1), predicted.sum(axis=1), gold.sum(axis=1))
        equal = (predicted == gold).all(axis=1)
        wrong = (predicted != gold).mean(axis=1)
        columns = [hits, predicted, gold, none, per_row, equal[:, None], wrong[:, None]]
        self._matrix = np.concatenate([np.asarray(c, dtype=np.float32) for c in columns], axis=1)

    def sums(self, weights: Weights | None = None) -> Sums:
        """The sums over all paragraphs, or one for every column of ``weights`` ``[paragraphs, rounds]``."""
        if weights is None:
            total = self._matrix.sum(axis=0, dtype=np.float64)[None, :]
        else:
            total = (weights.T @ self._matrix).astype(np.float64)
        return Sums(total, self.labels, self.paragraphs, self.enough)


@dataclass(frozen=True)
class Sums:
    """Sums of a :class:`Tally`, ``[rounds, columns]``, and the figures they give."""

    total: Values
    labels: int
    paragraphs: int
    enough: Decisions

    def label_counts(self) -> tuple[Values, Values, Values]:
        """Hits, predicted and true, each ``[rounds, labels]``."""
        n = self.labels
        return self.total[:, :n], self.total[:, n : 2 * n], self.total[:, 2 * n : 3 * n]

    def label_rates(self) -> Rates:
        """Of every label: arrays ``[rounds, labels]``."""
        return rates(*self.label_counts())

    def overall(self) -> dict[str, Values]:
        """Every figure of a data set by its name in ``metrics.json``: arrays ``[rounds]``."""
        at = 3 * self.labels
        micro = rates(*(counts.sum(axis=1) for counts in self.label_counts()))
        per_label = self.label_rates()
        none = rates(*(self.total[:, at + i] for i in range(3)))
        rest = self.total[:, at + 3 :] / self.paragraphs
        return {
            **_named("micro", micro.precision, micro.recall, micro.f1),
            **_named(
                "macro", *(self._macro(v) for v in (per_label.precision, per_label.recall, per_label.f1))
            ),
            **_named("samples", rest[:, 0], rest[:, 1], rest[:, 2]),
            "exact_match": rest[:, 3],
            "hamming_loss": rest[:, 4],
            **_named("no_measure", none.precision, none.recall, none.f1),
        }

    def _macro(self, values: Values) -> Values:
        """Mean over the labels with enough positives; an undefined one counts as 0, as in scikit-learn."""
        if not self.enough.any():
            return np.full(len(values), np.nan)
        mean: Values = np.nan_to_num(values[:, self.enough]).mean(axis=1)
        return mean


def _named(stem: str, precision: Values, recall: Values, f1: Values) -> dict[str, Values]:
    return {f"{stem}_precision": precision, f"{stem}_recall": recall, f"{stem}_f1": f1}


def _sample_rates(
    hits: npt.NDArray[np.int_], predicted: npt.NDArray[np.int_], gold: npt.NDArray[np.int_]
) -> Values:
    """Precision, recall and F1 of every paragraph, ``[paragraphs, 3]``.

    Where both sets are empty the answer is right: 1. Where one is, the undefined figure counts as 0.
    """
    found = rates(hits.astype(float), predicted.astype(float), gold.astype(float))
    values = np.nan_to_num(np.stack([found.precision, found.recall, found.f1], axis=1))
    values[(predicted == 0) & (gold == 0)] = 1.0
    return values


def resamples(paragraphs: int, rounds: int = ROUNDS, seed: int = SEED) -> Iterator[Weights]:
    """How often each paragraph is drawn in each round, in chunks ``[paragraphs, some of the rounds]``.

    Same seed, same draws: figures of two systems over one chunk are paired.
    """
    random = np.random.default_rng(seed)
    step = max(1, _CHUNK // max(1, paragraphs))
    for first in range(0, rounds, step):
        count = min(step, rounds - first)
        drawn = random.integers(0, paragraphs, (count, paragraphs))
        drawn += np.arange(count)[:, None] * paragraphs
        weights = np.bincount(drawn.ravel(), minlength=count * paragraphs).reshape(count, paragraphs)
        yield np.ascontiguousarray(weights.T, dtype=np.float32)


def interval(values: Values) -> list[float] | None:
    """The 95 % interval of a figure from its values in the rounds; None where it is never defined."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return [float(low), float(high)]


def average_precisions(scores: Weights, gold: Decisions, weights: Weights) -> Values:
    """Average precision of one label in every round, ``[rounds]``; NaN in rounds without a positive.

    The sum over distinct scores, from the highest down, of the gain in recall times the precision there, as
    scikit-learn defines it: equal scores are one step.

    Args:
        scores: ``[paragraphs]``.
        gold: ``[paragraphs]``.
        weights: ``[paragraphs, rounds]``.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    first = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    step = np.cumsum(first) - 1
    wanted = np.unique(step[gold[order]])  # only steps with a positive add to the sum
    if not len(wanted):
        return np.full(weights.shape[1], np.nan)
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(ranked))[wanted]
    drawn = weights[order]
    seen = np.add.reduceat(drawn[: ends[-1]], np.concatenate([[0], ends[:-1]]), axis=0).cumsum(axis=0)
    positives = np.flatnonzero(gold[order])
    begins = np.searchsorted(step[positives], wanted)
    gained = np.add.reduceat(drawn[positives], begins, axis=0)
    hits = gained.cumsum(axis=0)
    precision = quotient(hits.astype(np.float64), seen.astype(np.float64))
    above: Values = np.nansum(precision * gained, axis=0)
    return quotient(above, hits[-1].astype(np.float64))
