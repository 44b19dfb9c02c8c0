"""Metrics, thresholds, evaluation of a model folder, and the card that shows the figures."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from cuoshi.classifier.errors import DataError, ModelError, UsageError
from cuoshi.classifier.modelfolder import open_model, write_json
from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.baselines import frequency, keywords, tfidf, tfidf_decisions
from cuoshi.training.card import write_card
from cuoshi.training.data import Example, label_array, read_examples
from cuoshi.training.evaluate import (
    Evaluation,
    Request,
    check_columns,
    check_name,
    column_value,
    evaluate_files,
    overlap,
    store,
)
from cuoshi.training.export import measure_drift
from cuoshi.training.metrics import (
    calibration_error,
    exact_match,
    f1_per_label,
    macro_f1,
    micro_f1,
    no_measure_f1,
)
from cuoshi.training.result import result_lines
from cuoshi.training.thresholds import _plateau, limits_of, shared_threshold, tune


def test_metrics_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(3)
    gold = random.random((200, 6)) < 0.3
    predicted = gold ^ (random.random((200, 6)) < 0.15)
    assert micro_f1(predicted, gold) == pytest.approx(f1_score(gold, predicted, average="micro"))
    assert macro_f1(predicted, gold) == pytest.approx(f1_score(gold, predicted, average="macro"))
    np.testing.assert_allclose(f1_per_label(predicted, gold), f1_score(gold, predicted, average=None))


def test_no_measure_is_an_answer() -> None:
    gold = np.array([[0, 0], [0, 0], [1, 0], [0, 1]], dtype=bool)
    predicted = np.array([[0, 0], [1, 0], [0, 0], [0, 1]], dtype=bool)
    assert no_measure_f1(predicted, gold) == pytest.approx(0.5)
    assert exact_match(predicted, gold) == pytest.approx(0.5)
    assert no_measure_f1(gold[:0], gold[:0]) == 1.0


def test_rare_labels_stay_out_of_macro() -> None:
    gold = np.zeros((20, 2), dtype=bool)
    gold[:10, 0] = True
    gold[:4, 1] = True
    predicted = gold.copy()
    predicted[:, 1] = False
    assert macro_f1(predicted, gold) == 1.0


def test_calibration_error() -> None:
    scores = np.repeat([0.25, 0.75], 400)[:, None]
    right = (np.arange(800) % 4 == 0)[:, None]
    right[400:] = (np.arange(400) % 4 != 0)[:, None]
    assert calibration_error(scores, right) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error(scores, ~right) == pytest.approx(0.5)


def test_thresholds_follow_the_data_and_rare_labels_share() -> None:
    gold = np.zeros((400, 2), dtype=bool)
    gold[:100, 0] = True
    gold[:5, 1] = True
    noise = np.random.default_rng(3).uniform(-0.05, 0.05, gold.shape)
    scores = (np.where(gold, 0.40, 0.10) + noise).astype(np.float32)
    shared, rows = tune(scores, gold)
    assert 0.15 <= rows[0]["threshold"] <= 0.35
    assert rows[0] == {**rows[0], "support": 100, "tuned": True}
    assert rows[1] == {"threshold": shared, "support": 5, "tuned": False}
    assert ((scores[:, 0] >= rows[0]["threshold"]) == gold[:, 0]).all()


def test_a_plateau_is_one_run() -> None:
    # F1 is 1 from 0.21 to 0.40.
    gold = np.array([True] * 10 + [False] * 10)
    scores = np.array([0.40] * 10 + [0.20] * 10, dtype=np.float32)
    assert _plateau(scores, gold) == pytest.approx(0.305, abs=1e-6)


def test_a_second_plateau_far_away_does_not_count() -> None:
    # F1 is 6/8 from 0.21 to 0.30 (3 hits, 2 false), 4/6 to 0.50 and 4/5 from 0.51 to 0.80 (2 hits of 3).
    gold = np.array([True] * 3 + [False] * 3)
    scores = np.array([0.80, 0.80, 0.30, 0.30, 0.50, 0.20], dtype=np.float32)
    assert _plateau(scores, gold) == pytest.approx((0.51 + 0.80) / 2, abs=1e-6)
    # F1 is 4/5 both from 0.10 to 0.30 (2 hits, 1 false) and, after a dip, from 0.61 to 0.80.
    gold = np.array([True] * 30 + [False] * 20)
    scores = np.array([0.80] * 20 + [0.30] * 10 + [0.60] * 15 + [0.20] * 5, dtype=np.float32)
    low, high = 2 * 30 / (45 + 30), 2 * 20 / (20 + 30)
    assert low == high
    assert _plateau(scores, gold) == pytest.approx((0.21 + 0.30) / 2, abs=1e-6)


def test_the_shared_threshold_is_the_one_nearest_to_a_half() -> None:
    gold = np.array([[True], [False]])
    assert shared_threshold(np.array([[0.9], [0.05]], dtype=np.float32), gold) == 0.5
    assert shared_threshold(np.array([[0.3], [0.2]], dtype=np.float32), gold) == 0.3


def test_a_score_at_its_threshold_passes() -> None:
    assert (np.float32(0.7) >= limits_of([{"threshold": 0.7}])).all()


def test_drift_refuses() -> None:
    exact = np.full((100, 2), 0.6, dtype=np.float32)
    limits = np.full(2, 0.5, dtype=np.float32)
    near = exact + np.float32(0.01)
    assert measure_drift(exact, near, limits).flips == 0
    far = exact.copy()
    far[:2, 0] = 0.4
    # 2 of 200 are 1 %, but may come of a share below 0.5 %; 20 of 2,000 may not.
    assert (measure_drift(exact, far, limits).changed, measure_drift(exact, far, limits).compared) == (2, 200)
    many, few = np.tile(exact, (10, 1)), np.tile(far, (10, 1))
    with pytest.raises(
        ModelError, match=r"int8 changes 20 of 2,000 decisions \(1\.00%, and surely over 0\.61%"
    ):
        measure_drift(many, few, limits)
    assert measure_drift(many, few, limits, 0.0065).at_least == pytest.approx(0.0061, abs=1e-4)
    with pytest.raises(ModelError, match="max_flips=0.010"):  # nothing at all is allowed
        measure_drift(exact, far, limits, 0.0)
    with pytest.raises(ModelError, match="scores are not numbers"):
        measure_drift(exact, np.where(exact > 0, np.nan, exact).astype(np.float32), limits)


def _rows_of_tables(text: str) -> list[list[int]]:
    """The number of cells of every row, table by table."""
    blocks = re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    return [
        [len(re.findall(r"(?<!\\)\|", line)) - 1 for line in block.strip().split("\n")] for block in blocks
    ]


@pytest.fixture
def copy(small_model: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "small-model"
    shutil.copytree(small_model, folder)
    return folder


def _evaluate(model: Path, data: Path, taxonomy: Path, *by: str) -> Evaluation:
    return evaluate_files(Request(str(model), (data,), taxonomy, by=by))


class TestEvaluate:
    def test_figures_into_the_card(
        self, copy: Path, small_data: Path, small_taxonomy: Taxonomy, small_taxonomy_file: Path
    ) -> None:
        bare = _rows_of_tables((copy / "README.md").read_text(encoding="utf-8"))
        assert len(bare) == 2
        assert all(len(set(cells)) == 1 for cells in bare)
        figures = _evaluate(copy, small_data, small_taxonomy_file, "source").figures
        assert figures["paragraphs"] == 48
        assert figures["micro_f1"] > 0.9
        assert {"micro_f1", "macro_f1", "exact_match", "no_measure_f1"} <= set(figures["intervals"])
        assert sum(part["paragraphs"] for part in figures["by_source"].values()) == 48
        assert figures["labels"]["closure"]["support"] == 21
        figures["by_source"]["a|b"] = figures["by_source"]["closure"]
        figures["labels"]["treatment"] |= {"support": 0, "f1": None, "interval": None}
        store(copy, small_taxonomy, "test|two", figures)
        assert [path.name for path in copy.parent.iterdir()] == ["small-model"]
        open_model(copy)
        metrics = json.loads((copy / "metrics.json").read_text(encoding="utf-8"))
        assert list(metrics) == ["validation", "int8", "calibration", "test|two"]
        card = (copy / "README.md").read_text(encoding="utf-8")
        full = _rows_of_tables(card)
        assert len(full) == 4
        assert all(len(set(cells)) == 1 for cells in full)
        assert full[-1] == [6] * 5
        assert "a\\|b" in card
        assert "| keywords |" in card
        assert "learned from: random." in card

    def test_a_failing_card_leaves_the_folder_as_it_was(
        self, copy: Path, small_taxonomy: Taxonomy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError("no space")

        monkeypatch.setattr("cuoshi.training.evaluate.write_card", fail)
        with pytest.raises(OSError, match="no space"):
            store(copy, small_taxonomy, "test", {})
        open_model(copy)

    def test_a_card_needs_the_models_own_taxonomy(self, copy: Path) -> None:
        with pytest.raises(UsageError, match="give it with --taxonomy"):
            store(copy, load_taxonomy(), "test", {})

    def test_a_card_of_a_folder_that_does_not_tell_its_base(
        self, copy: Path, small_taxonomy: Taxonomy
    ) -> None:
        training = json.loads((copy / "training.json").read_text(encoding="utf-8"))
        del training["base_origin"]
        (copy / "training.json").write_text(json.dumps(training), encoding="utf-8")
        write_card(copy)
        assert "learned from" not in (copy / "README.md").read_text(encoding="utf-8")

    def test_a_model_tells_its_labels_itself(self, small_model: Path, small_data: Path) -> None:
        done = evaluate_files(Request(str(small_model), (small_data,)))
        assert done.taxonomy.ids == ("checkpoint", "closure", "treatment")
        assert list(done.figures["groups"]) == ["movement", "care"]
        # The names serve as keywords.
        assert done.figures["baselines"]["keywords"]["micro_precision"] is None

    def test_mistakes(
        self, small_model: Path, small_data: Path, tmp_path: Path, small_taxonomy_file: Path
    ) -> None:
        empty = tmp_path / "empty.jsonl"
        empty.write_text("", encoding="utf-8")
        with pytest.raises(DataError, match="no labelled paragraph"):
            _evaluate(small_model, empty, small_taxonomy_file)
        other = tmp_path / "other.yaml"
        text = small_taxonomy_file.read_text(encoding="utf-8")
        other.write_text(text.replace("0.1.0", "0.2.0"), encoding="utf-8")
        with pytest.raises(DataError, match=r"small 0\.1\.0, .* not small 0\.2\.0"):
            _evaluate(small_model, small_data, other)
        with pytest.raises(UsageError, match="give both"):
            evaluate_files(Request(str(small_model), (small_data,), validation=(small_data,)))
        for name in ("int8", "validation", ""):
            with pytest.raises(UsageError, match="choose another"):
                check_name(name)
        examples = [Example("a", "封。", (), {"genre": "notice"})]
        with pytest.raises(
            UsageError, match="--by script: no such column in the data; its columns are: genre"
        ):
            check_columns(examples, ["script"])

    def test_values_of_columns(self) -> None:
        example = Example("a", "封。", (), {"period": 2020, "tags": ["x", "y"], "empty": None})
        assert [column_value(example, name) for name in ("period", "tags", "empty", "none")] == [
            *("2020", "x|y", "", "")
        ]


def test_the_baseline_learns(small_data: Path, small_taxonomy: Taxonomy) -> None:
    examples = read_examples([small_data], small_taxonomy)
    predicted = tfidf_decisions(examples, examples, examples, small_taxonomy.ids)
    gold = label_array((example.labels for example in examples), small_taxonomy.ids)
    assert micro_f1(predicted, gold) > 0.95
    assert overlap(examples, examples[:3]) == 3


def test_the_baseline_learns_from_labels_that_all_or_none_have(small_taxonomy: Taxonomy) -> None:
    texts = ["村口设卡。", "卡点查车。", "关门。"]
    train = [Example(str(n), text, ("closure",), {}) for n, text in enumerate(texts)]
    said = tfidf(train, None, train, small_taxonomy.ids)
    assert said.decisions.tolist() == [[False, True, False]] * 3


def test_keywords_are_found_in_full_width_and_half_width(small_taxonomy: Taxonomy) -> None:
    label = small_taxonomy.labels[0].model_copy(update={"terms": ("PCR检测", "卡点")})
    taxonomy = small_taxonomy.model_copy(update={"labels": (label, *small_taxonomy.labels[1:])})
    texts = ["ＰＣＲ检测两次。", "卡点做pcr检测。", "实行封闭管理。", "天晴。"]
    said = keywords([Example(str(n), text, (), {}) for n, text in enumerate(texts)], taxonomy)
    assert said.decisions.tolist() == [
        *([True, False, False], [True, False, False], [False, True, False], [False, False, False])
    ]
    assert said.scores[:2, 0].tolist() == [0.5, 0.75]


def test_the_baseline_of_frequencies_gives_labels_as_often_as_they_stand() -> None:
    known = np.zeros((100, 2), dtype=bool)
    known[:30, 0] = True
    said = frequency(known, 5000)
    assert said.scores[0].tolist() == pytest.approx([0.3, 0.0])
    assert said.decisions[:, 0].mean() == pytest.approx(0.3, abs=0.03)
    assert not said.decisions[:, 1].any()


def test_a_share_above_the_limit_that_may_be_chance_is_told(tmp_path: Path) -> None:
    headline = {"paragraphs": 53, "micro_f1": 0.5, "macro_f1": 0.5, "no_measure_f1": None}
    drift = {"largest": 0.1, "decisions": 4 / 530, "changed": 4, "compared": 530, "at_least": 0.0021}
    calibration = {"before": 0.03, "after": 0.02, "scale": 1.0, "shift": 0.0}
    metrics = {"validation": headline, "int8": drift, "calibration": calibration}
    made_from = {"max_flips": 0.005, "effective": {"best": {"epoch": 1.0, "step": 7}}}
    write_json(tmp_path / "metrics.json", metrics)
    write_json(tmp_path / "training.json", made_from)
    lines = "\n".join(result_lines(tmp_path))
    assert "4 of 530 decisions change (0.75%)" in lines
    assert "warning: int8: that is above 0.5%" in lines
    write_json(tmp_path / "training.json", {**made_from, "max_flips": 0.01})
    assert "warning" not in "\n".join(result_lines(tmp_path))
