"""Thresholds for a wanted recall or precision, and what each label pays for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cuoshi.classifier.errors import UsageError
from cuoshi.training.metrics import Decisions
from cuoshi.training.thresholds import METHOD, MIN_SUPPORT, Scores, tune

LOWEST, HIGHEST = 0.001, 0.999
_DIGITS = 4
Basis = Literal["own", "shared", "kept", "out of reach"]
Column = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Wanted:
    """A recall or precision that is wanted: of all labels, or of those named."""

    figure: Literal["recall", "precision"]
    value: float
    label: str | None = None


def parse_wanted(figure: Literal["recall", "precision"], text: str, ids: Sequence[str]) -> Wanted:
    """What ``0.9`` or ``LABEL=0.9`` asks for.

    Raises:
        UsageError: it is no number above 0 and up to 1, or the label is not the model's.
    """
    label, sign, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise UsageError(f"--{figure} {text}: give a number above 0 and up to 1, or LABEL=NUMBER")
    if sign and label not in ids:
        raise UsageError(f"--{figure} {text}: the model has no label '{label}'; it has {', '.join(ids)}")
    return Wanted(figure, value, label if sign else None)


@dataclass(frozen=True)
class Row:
    """The threshold of a label before and after, and its figures at both."""

    label: str
    support: int
    before: float
    after: float
    basis: Basis
    figures_before: tuple[float, float, float]
    figures_after: tuple[float, float, float]

    def entry(self) -> dict[str, Any]:
        """As it stands in ``thresholds.json``."""
        precision, recall, f1 = self.figures_after
        return {
            "threshold": self.after,
            "support": self.support,
            "tuned": self.basis == "own",
            "basis": self.basis,
            "precision": precision,
            "recall": recall,
            "f1": f1,
        }


def choose(
    scores: Scores, gold: Decisions, current: Mapping[str, float], wanted: Sequence[Wanted]
) -> tuple[float, list[Row]]:
    """Choose a threshold for every label from scores that were computed once.

    Without a wish every label gets its best F1 (see :func:`cuoshi.training.thresholds.tune`). A wish for all
    labels holds for each with enough positives by itself and for the rare ones taken together; with wishes
    for single labels the others keep what they have.

    Args:
        scores: ``[paragraphs, labels]``.
        gold: what is true, of the same shape.
        current: the model's thresholds by label, in the order of the columns.
        wanted: wishes; a later one for a label replaces an earlier one.

    Returns:
        The shared threshold, and a row a label.
    """
    shared, tuned = tune(scores, gold)
    rare = gold.sum(axis=0) < MIN_SUPPORT
    general = wish_for(None, wanted)
    if general is not None and rare.any():
        pooled = reach(scores[:, rare].reshape(-1), gold[:, rare].reshape(-1), general)
        shared = shared if pooled is None else pooled
    rows = []
    for number, (label, before) in enumerate(current.items()):
        column, truth = scores[:, number], gold[:, number]
        wish = wish_for(label, wanted)
        own = wish is not None and wish.label == label
        if wish is None:
            after, basis = _unasked(before, tuned[number], bool(wanted))
        elif rare[number] and not own:
            after, basis = shared, "shared"
        else:
            found = reach(column, truth, wish)
            after, basis = (before, "out of reach") if found is None else (found, "own")
        rows.append(
            Row(
                label,
                int(truth.sum()),
                before,
                after,
                basis,
                figures(column, truth, before),
                figures(column, truth, after),
            )
        )
    return shared, rows


def wish_for(label: str | None, wanted: Sequence[Wanted]) -> Wanted | None:
    """The last wish for a label, else the last one for all labels."""
    general = next((wish for wish in reversed(wanted) if wish.label is None), None)
    return next((wish for wish in reversed(wanted) if wish.label == label), general)


def missed(rows: Sequence[Row], wanted: Sequence[Wanted]) -> list[str]:
    """The labels that do not get what was wanted of them, each with what it gets: ``label 0.83``."""
    found = []
    for row in rows:
        wish = wish_for(row.label, wanted)
        if wish is not None and row.support:
            value = row.figures_after[1 if wish.figure == "recall" else 0]
            if value < wish.value:
                found.append(f"{row.label} {value:.2f}")
    return found


def _unasked(before: float, tuned: Mapping[str, Any], keep: bool) -> tuple[float, Basis]:
    if keep:
        return before, "kept"
    return float(tuned["threshold"]), "own" if tuned["tuned"] else "shared"


def reach(scores: Scores, gold: Column, wish: Wanted) -> float | None:
    """The threshold with the wanted figure that has most of the other; None where there is none.

    Of equal ones it is that with more of the wanted figure too.
    """
    candidates = np.unique(np.floor(scores[gold].astype(np.float64) * 10**_DIGITS) / 10**_DIGITS)
    best: tuple[float, float, float] | None = None
    for threshold in np.clip(candidates, LOWEST, HIGHEST):
        precision, recall, _ = figures(scores, gold, float(threshold))
        has, other = (recall, precision) if wish.figure == "recall" else (precision, recall)
        if has >= wish.value and (best is None or (other, has) > best[:2]):
            best = (other, has, float(threshold))
    return None if best is None else round(best[2], _DIGITS)


def figures(scores: Scores, gold: Column, threshold: float) -> tuple[float, float, float]:
    """Precision, recall and F1 of one label at a threshold; 0 where nothing can be measured."""
    predicted = scores >= np.float32(threshold)
    hits = int((predicted & gold).sum())
    given, due = int(predicted.sum()), int(gold.sum())
    return hits / max(given, 1), hits / max(due, 1), 2 * hits / max(given + due, 1)


def method_of(wanted: Sequence[Wanted]) -> str:
    """The method in words, for ``thresholds.json``."""
    if not wanted:
        return METHOD
    wishes = ", ".join(f"{w.figure} {w.value:g} for {w.label or 'all labels'}" for w in wanted)
    return f"wanted: {wishes}; labels below {MIN_SUPPORT} positives share one threshold unless named"
