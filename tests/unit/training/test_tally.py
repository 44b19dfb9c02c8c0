"""Figures from sums over paragraphs: those of scikit-learn, for all paragraphs and for every resample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, hamming_loss, precision_recall_fscore_support

from cuoshi.training.metrics import Decisions
from cuoshi.training.tally import Tally, average_precisions, interval, resamples

SHAPES = st.tuples(st.integers(1, 12), st.integers(2, 5))
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape)))


@given(PAIRS)
@settings(max_examples=60, deadline=None)
def test_overall_figures_are_those_of_scikit_learn(pair: tuple[Decisions, Decisions]) -> None:
    predicted, gold = pair
    found = Tally(predicted, gold, min_support=0).sums().overall()
    for average in ("micro", "macro"):
        expected = precision_recall_fscore_support(gold, predicted, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), expected[:3], strict=True):
            assert np.nan_to_num(found[f"{average}_{name}"][0]) == pytest.approx(value, abs=1e-6), name
    # Both sets empty is a right answer here; scikit-learn has no value for it and takes what it is given.
    filled = np.concatenate([np.ones((len(gold), 1), dtype=bool), gold], axis=1)
    guessed = np.concatenate([np.zeros((len(gold), 1), dtype=bool), predicted], axis=1)
    shares = Tally(guessed, filled, 0).sums().overall()
    expected = precision_recall_fscore_support(filled, guessed, average="samples", zero_division=0)
    for name, value in zip(("precision", "recall", "f1"), expected[:3], strict=True):
        assert shares[f"samples_{name}"][0] == pytest.approx(value, abs=1e-6)
    assert found["hamming_loss"][0] == pytest.approx(hamming_loss(gold, predicted), abs=1e-6)
    assert found["exact_match"][0] == pytest.approx((gold == predicted).all(axis=1).mean(), abs=1e-6)


@given(PAIRS)
@settings(max_examples=60, deadline=None)
def test_label_figures_are_those_of_scikit_learn(pair: tuple[Decisions, Decisions]) -> None:
    predicted, gold = pair
    found = Tally(predicted, gold, 0).sums().label_rates()
    expected = precision_recall_fscore_support(gold, predicted, average=None, zero_division=np.nan)
    np.testing.assert_allclose(found.precision[0], np.atleast_1d(expected[0]))
    np.testing.assert_allclose(found.recall[0], np.atleast_1d(expected[1]))
    np.testing.assert_allclose(np.nan_to_num(found.f1[0]), np.nan_to_num(np.atleast_1d(expected[2])))


@given(
    SHAPES.flatmap(
        lambda s: st.tuples(
            arrays(bool, s[0]),
            arrays(np.float32, s[0], elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
            arrays(np.int64, s[0], elements=st.integers(0, 3)),
        )
    )
)
@settings(max_examples=60, deadline=None)
def test_average_precision_is_that_of_scikit_learn(case: tuple[Decisions, np.ndarray, np.ndarray]) -> None:
    gold, scores, drawn = case
    weights = np.stack([np.ones(len(gold)), drawn], axis=1).astype(np.float32)
    found = average_precisions(scores, gold, weights)
    for column in range(2):
        if (weights[:, column] * gold).sum() == 0:
            assert np.isnan(found[column])
        else:
            expected = average_precision_score(gold, scores, sample_weight=weights[:, column])
            assert found[column] == pytest.approx(expected, abs=1e-5)


def test_no_measure_is_an_answer_with_precision_and_recall() -> None:
    gold = np.array([[0, 0], [0, 0], [0, 0], [1, 0], [0, 1]], dtype=bool)
    predicted = np.array([[0, 0], [0, 0], [1, 0], [0, 0], [0, 1]], dtype=bool)
    found = Tally(predicted, gold, 0).sums().overall()
    assert found["no_measure_precision"][0] == pytest.approx(2 / 3)
    assert found["no_measure_recall"][0] == pytest.approx(2 / 3)
    assert found["samples_f1"][0] == pytest.approx(3 / 5)


def test_a_resample_is_counted_as_if_it_were_the_data() -> None:
    random = np.random.default_rng(5)
    gold = random.random((40, 3)) < 0.3
    predicted = gold ^ (random.random((40, 3)) < 0.2)
    (weights,) = resamples(40, rounds=30, seed=1)
    assert (weights.sum(axis=0) == 40).all()
    tally = Tally(predicted, gold, 0)
    found = tally.sums(weights)
    for number in range(30):
        rows = np.repeat(np.arange(40), weights[:, number].astype(int))
        alone = Tally(predicted[rows], gold[rows], 0).sums()
        for name, values in alone.overall().items():
            assert found.overall()[name][number] == pytest.approx(values[0], abs=1e-6), name
        np.testing.assert_allclose(found.label_rates().f1[number], alone.label_rates().f1[0])


def test_resamples_come_in_chunks_that_do_not_change_them(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = resamples(50, rounds=9, seed=3)
    monkeypatch.setattr("cuoshi.training.tally._CHUNK", 100)
    parts = list(resamples(50, rounds=9, seed=3))
    assert [part.shape[1] for part in parts] == [2, 2, 2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_intervals() -> None:
    assert interval(np.full(3, np.nan)) is None
    assert interval(np.array([np.nan, 1.0, 1.0])) == [1.0, 1.0]
    random = np.random.default_rng(3)
    gold = random.random((400, 3)) < 0.4
    predicted = gold ^ (random.random((400, 3)) < 0.2)
    tally = Tally(predicted, gold, 0)
    values = np.concatenate([tally.sums(part).overall()["micro_f1"] for part in resamples(400, 300)])
    low, high = interval(values) or (0, 0)
    assert low < tally.sums().overall()["micro_f1"][0] < high
    assert 0.02 < high - low < 0.15


def test_the_interval_of_macro_f1_keeps_its_labels() -> None:
    # The second label has five positives, all missed: resamples with fewer must not leave it out.
    gold = np.zeros((60, 2), dtype=bool)
    gold[:30, 0] = True
    gold[30:35, 1] = True
    predicted = gold.copy()
    predicted[:, 1] = False
    tally = Tally(predicted, gold, min_support=5)
    (weights,) = resamples(60, 200)
    assert set(tally.sums(weights).overall()["macro_f1"]) == {0.5}


def test_nothing_to_measure_is_not_a_number() -> None:
    nothing = np.zeros((3, 2), dtype=bool)
    found = Tally(nothing, nothing, 5).sums().overall()
    assert np.isnan(found["micro_f1"][0])
    assert np.isnan(found["macro_f1"][0])
    assert found["exact_match"][0] == found["no_measure_f1"][0] == found["samples_f1"][0] == 1.0
