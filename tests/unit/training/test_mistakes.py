"""Which label was given where another was due, and the order of the worst paragraphs."""

from __future__ import annotations

import numpy as np
import pytest

from cuoshi.training.data import Example
from cuoshi.training.mistakes import confusion_matrix, confusions, losses, mistakes

IDS = ("a", "b", "c")


def test_confusions() -> None:
    gold = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]], dtype=bool)
    predicted = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 1, 0]], dtype=bool)
    matrix = confusion_matrix(predicted, gold)
    assert matrix.tolist() == [[0, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert confusions(matrix, IDS) == [
        {"missed": "a", "given": "b", "count": 2},
        {"missed": "b", "given": "none", "count": 1},
        {"missed": "none", "given": "c", "count": 1},
    ]


def test_the_worst_comes_first_and_what_is_right_not_at_all() -> None:
    gold = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0]], dtype=bool)
    scores = np.array([[0.9, 0.1, 0.1], [0.6, 0.0, 0.0], [0.1, 0.0, 0.95]], dtype=np.float32)
    examples = [Example(str(n), "封。", (), {"source": "x"}, f"d.jsonl:{n}") for n in range(3)]
    found = mistakes(examples, scores, gold, scores >= 0.5, IDS)
    assert [mistake.example.id for mistake in found] == ["2", "1"]
    assert (found[0].missed, found[0].wrong) == (("b",), ("c",))
    row = found[1].row()
    assert (row["gold"], row["predicted"], row["where"]) == ([], ["a"], "d.jsonl:1")
    assert list(row["scores"]) == list(IDS)
    assert losses(scores, gold)[1] == pytest.approx(-np.log(0.4), rel=1e-3)
    assert np.isfinite(losses(scores, gold)).all()
