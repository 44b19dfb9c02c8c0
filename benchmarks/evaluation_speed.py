"""Measure how long the figures of an evaluation take, beside a bootstrap that evaluates every resample anew.

Run by hand: ``python benchmarks/evaluation_speed.py``. The scores are made up; no model is part of it.
"""

from __future__ import annotations

import json
import time

import numpy as np
import typer
from sklearn.metrics import f1_score

from cuoshi.classifier.taxonomy import load_taxonomy
from cuoshi.training.figures import Settings, figures_of

LOOPED = 20  # resamples evaluated one by one, from which the time of all is reckoned


def main(paragraphs: int = 10_000, rounds: int = 1000) -> None:
    """Print seconds as JSON."""
    taxonomy = load_taxonomy()
    random = np.random.default_rng(0)
    shape = (paragraphs, len(taxonomy.ids))
    gold = random.random(shape) < 0.05
    scores = np.clip(np.where(gold, 0.6, 0.1) + random.normal(0, 0.2, shape), 0, 1).astype(np.float32)
    limits = np.full(shape[1], 0.4, dtype=np.float32)
    started = time.perf_counter()
    figures_of(scores, gold, limits, taxonomy, Settings(rounds=rounds))
    ours = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(LOOPED):
        rows = random.integers(0, paragraphs, paragraphs)
        for average in ("micro", "macro", None):
            f1_score(gold[rows], scores[rows] >= limits, average=average, zero_division=0)
    loop = (time.perf_counter() - started) / LOOPED * rounds
    print(
        json.dumps(
            {
                "paragraphs": paragraphs,
                "labels": shape[1],
                "rounds": rounds,
                "all_figures_with_intervals_s": round(ours, 2),
                "loop_over_scikit_learn_f1_alone_s": round(loop, 1),
                "ratio": round(loop / ours, 1),
            }
        )
    )


if __name__ == "__main__":
    typer.run(main)
