"""Agreement of the two labelling passes: per label, over all decisions, and over whole label sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.corpus import PASSES, Corpus
from cuoshi.training.data import Example, label_array
from cuoshi.training.metrics import Decisions, Values, exact_match, f1_per_label, micro_f1, no_measure_f1
from cuoshi.training.tables import Table, figure

Codes = npt.NDArray[np.int_]
OVERALL = {
    "paragraphs": "paragraphs",
    "micro_f1": "micro-F1 of the passes",
    "exact_match": "equal label sets",
    "no_measure_f1": "F1 of “no measure”",
    "alpha": "alpha, all label decisions, nominal",
    "alpha_masi": "alpha, label sets, MASI distance",
    "pass_a_final_micro_f1": "micro-F1 of pass A with the final labels",
    "pass_b_final_micro_f1": "micro-F1 of pass B with the final labels",
}


def kappa(one: Decisions, other: Decisions) -> float | None:
    """Cohen's kappa (1960) of two rows of yes and no; None when both always say the same one answer."""
    expected = one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean())
    return float(((one == other).mean() - expected) / (1 - expected)) if expected < 1 else None


def alpha(one: Codes, other: Codes, distances: Values) -> float | None:
    """Krippendorff's alpha for two coders who both code every unit.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): one minus the mean distance
    within units over the mean distance of all pairs of values, whatever their units.

    Args:
        one: the first coder's value of each unit, as a row of ``distances``.
        other: the second coder's.
        distances: of every pair of values; squared already where a difference function asks for it.

    Returns:
        At most 1; None when only one value was ever given.
    """
    counts = np.bincount(np.concatenate([one, other]), minlength=len(distances)).astype(np.float64)
    total = counts.sum()
    expected = counts @ distances @ counts / (total * (total - 1))
    return float(1 - distances[one, other].mean() / expected) if expected > 0 else None


def nominal_alpha(one: Decisions, other: Decisions) -> float | None:
    """Alpha of yes and no decisions, of whatever shape, with nominal distance."""
    return alpha(one.astype(int).ravel(), other.astype(int).ravel(), 1.0 - np.eye(2))


def masi_distances(sets: Decisions) -> Values:
    """MASI distance of every pair of label sets (rows).

    Source: R. Passonneau, Measuring Agreement on Set-valued Items (MASI), LREC 2006: one minus the Jaccard
    similarity times 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap, 0 where they do
    not. Two empty sets are equal; an empty set and another do not overlap.
    """
    array = sets.astype(np.float64)
    shared = array @ array.T
    sizes = array.sum(axis=1)
    union = sizes[:, None] + sizes[None, :] - shared
    inside = shared == np.minimum(sizes[:, None], sizes[None, :])
    weight = np.select([shared == union, (shared > 0) & inside, shared > 0], [1.0, 2 / 3, 1 / 3], 0.0)
    similarity = np.divide(shared, union, out=np.ones_like(shared), where=union > 0)
    distances: Values = 1.0 - similarity * weight
    return distances


def masi_alpha(one: Decisions, other: Decisions) -> float | None:
    """Alpha of label sets ``[paragraphs, labels]`` with MASI distance."""
    sets, codes = np.unique(np.concatenate([one, other]), axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    return alpha(codes[: len(one)], codes[len(one) :], masi_distances(sets))


def agreement(corpus: Corpus, taxonomy: Taxonomy) -> dict[str, Any]:
    """Figures of all paragraphs together (``all``), of every split, and a row a label.

    Raises:
        DataError: there is no paragraph.
    """
    parts = {"all": corpus.examples, **corpus.splits}
    if not parts["all"]:
        raise DataError(f"{corpus.folder}: no paragraph to compare passes of; give a corpus with rows")
    one, other = (_decisions(parts["all"], taxonomy, key) for key in PASSES)
    return {
        "overall": {name: _overall(part, taxonomy) for name, part in parts.items() if part},
        "labels": {
            label: _label(one[:, column], other[:, column]) for column, label in enumerate(taxonomy.ids)
        },
    }


def agreement_tables(figures: dict[str, Any], taxonomy: Taxonomy) -> list[Table]:
    """The figures of :func:`agreement` as tables."""
    parts = figures["overall"]
    overall = [
        (name, *(figure(part[key], 0 if key == "paragraphs" else 3) for part in parts.values()))
        for key, name in OVERALL.items()
    ]
    labels = [
        (
            label,
            taxonomy.label(label).name.get("zh"),
            *(str(row[key]) for key in ("pass_a", "pass_b", "both")),
            *(figure(row[key]) for key in ("f1", "kappa", "alpha")),
        )
        for label, row in figures["labels"].items()
    ]
    header = ("label", "name", "pass A", "pass B", "both", "F1", "kappa", "alpha")
    return [
        Table("Agreement of the two passes", ("", *parts), tuple(overall)),
        Table("Agreement by label, all splits", header, tuple(labels), names=2),
    ]


def _overall(examples: Sequence[Example], taxonomy: Taxonomy) -> dict[str, Any]:
    one, other = (_decisions(examples, taxonomy, key) for key in PASSES)
    final = _decisions(examples, taxonomy, "labels")
    return {
        "paragraphs": len(examples),
        "micro_f1": micro_f1(one, other),
        "exact_match": exact_match(one, other),
        "no_measure_f1": no_measure_f1(one, other),
        "alpha": nominal_alpha(one, other),
        "alpha_masi": masi_alpha(one, other),
        "pass_a_final_micro_f1": micro_f1(one, final),
        "pass_b_final_micro_f1": micro_f1(other, final),
    }


def _label(one: Decisions, other: Decisions) -> dict[str, Any]:
    given = bool(one.any() or other.any())
    return {
        "pass_a": int(one.sum()),
        "pass_b": int(other.sum()),
        "both": int((one & other).sum()),
        "f1": float(f1_per_label(one[:, None], other[:, None])[0]) if given else None,
        "kappa": kappa(one, other),
        "alpha": nominal_alpha(one, other),
    }


def _decisions(examples: Sequence[Example], taxonomy: Taxonomy, key: str) -> Decisions:
    """Labels under a key as an array ``[paragraphs, labels]``."""
    sets = (example.labels if key == "labels" else example.meta[key] for example in examples)
    return label_array(sets, taxonomy.ids)
