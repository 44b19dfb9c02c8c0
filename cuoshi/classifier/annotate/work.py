"""The work itself: paragraphs in, output rows out. Pure, so that any machine may do any part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cuoshi.classifier.annotate.plan import Plan, Reject, Unit
from cuoshi.classifier.annotate.tally import Tally
from cuoshi.classifier.annotate.units import row_units, usable
from cuoshi.classifier.predict import Classifier, Scored
from cuoshi.classifier.rows import Row


@dataclass(frozen=True)
class Annotated:
    """Output rows in the order of the input, and what was counted on the way."""

    rows: list[dict[str, Any]]
    tally: Tally


def annotate_rows(
    classifier: Classifier, rows: Sequence[Row], plan: Plan, file: str = "-"
) -> tuple[Annotated, list[Reject]]:
    """Annotate rows of a table: the whole of what a run does to them, for whoever brings and writes them.

    Args:
        classifier: the model.
        rows: any number of rows, of any part of the input.
        plan: the options of the run.
        file: the name of their file, for rejects.
    """
    units: list[Unit] = []
    rejects: list[Reject] = []
    for row in rows:
        made = row_units(row, plan, file)
        if isinstance(made, Reject):
            rejects.append(made)
            continue
        good, bad = usable(made, plan, file)
        units += good
        rejects += bad
    done = annotate_units(classifier, units, plan)
    done.tally.inputs += len(rows)
    done.tally.rejects += len(rejects)
    return done, rejects


def annotate_units(classifier: Classifier, units: Sequence[Unit], plan: Plan) -> Annotated:
    """Label paragraphs and lay them out; none may be too long (see ``usable``)."""
    return laid_out(classifier, units, classifier.score([unit.text for unit in units]), plan)


def laid_out(
    classifier: Classifier, units: Sequence[Unit], scores: Sequence[Scored], plan: Plan
) -> Annotated:
    """Output rows of paragraphs that are scored."""
    tally = Tally()
    rows: list[dict[str, Any]] = []
    for unit, scored in zip(units, scores, strict=True):
        labels = classifier.decide(scored.scores, plan.selection)
        _count(tally, unit, scored, labels)
        if labels or not plan.measures_only:
            rows.extend(_rows_of(classifier.labels, unit, scored, labels, plan))
    tally.rows = len(rows)
    return Annotated(rows, tally)


def _count(tally: Tally, unit: Unit, scored: Scored, labels: tuple[str, ...]) -> None:
    tally.paragraphs += 1
    tally.characters += len(unit.text)
    tally.no_measure += not labels
    tally.windowed += scored.windows > 1
    tally.tokens += scored.tokens
    tally.unknown += scored.unknown
    tally.labels.update(labels)


def _rows_of(
    names: tuple[str, ...], unit: Unit, scored: Scored, labels: tuple[str, ...], plan: Plan
) -> list[dict[str, Any]]:
    begin = {"id": unit.ident, **unit.values, "text": unit.text}
    end = {"windows": scored.windows, "tokens": scored.tokens, "unknown": scored.unknown}
    if plan.layout == "long":
        return [
            {**begin, "label": label, **_score_of(names, scored, label, plan), **end}
            for label in labels or ("",)
        ]
    middle: dict[str, Any] = {"labels": list(labels)}
    if plan.layout == "wide":
        middle |= {f"label_{name}": int(name in labels) for name in names}
    if plan.scores:
        scores = {name: _rounded(score) for name, score in zip(names, scored.scores, strict=True)}
        if plan.layout == "wide":
            middle |= {f"score_{name}": score for name, score in scores.items()}
        else:
            middle["scores"] = scores
    return [{**begin, **middle, **end}]


def _score_of(names: tuple[str, ...], scored: Scored, label: str, plan: Plan) -> dict[str, Any]:
    if not plan.scores:
        return {}
    return {"score": _rounded(scored.scores[names.index(label)]) if label else None}


def _rounded(score: Any) -> float:
    return round(float(score), 4)
