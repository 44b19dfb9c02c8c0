"""Two sides over the same paragraphs: what changed, for better or worse, and what is left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.modelfolder import write_json, write_manifest
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.compare import Pair, against_gold, changes, compare, mcnemar
from cuoshi.training.data import Columns
from cuoshi.training.figures import Settings
from cuoshi.training.paragraphs import read_paragraphs, read_run
from cuoshi.training.report.comparison import check_comparison, comparison_tables, write_comparison
from cuoshi.training.sides import pair_sides, shared_labels

FEW = Settings(min_support=1, rounds=100)


def _run(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _pair(a: list[list[int]], b: list[list[int]], gold: list[list[int] | None]) -> Pair:
    coded = np.array([row is not None for row in gold])
    return Pair(
        labels=("x", "y"),
        names={"x": "甲类", "y": "乙类"},
        ids=[str(n) for n in range(len(a))],
        texts=["封。"] * len(a),
        a=np.array(a, dtype=bool),
        b=np.array(b, dtype=bool),
        gold=np.array([row or [0, 0] for row in gold], dtype=bool),
        coded=coded,
        about_a={"name": "a"},
        about_b={"name": "b"},
        notes=[],
    )


def test_gains_losses_fixed_and_broken() -> None:
    pair = _pair(
        [[1, 0], [0, 1], [0, 0], [1, 1]], [[1, 0], [1, 0], [0, 1], [0, 0]], [[1, 0], [1, 0], [0, 0], None]
    )
    summary = compare(pair, FEW)
    assert (summary["paragraphs"], summary["changed"]) == (4, 3)
    assert summary["no_measure"] == {"a": 1, "b": 1, "gained": 1, "lost": 1}
    x, y = summary["labels"]["x"], summary["labels"]["y"]
    assert {key: x[key] for key in ("a", "b", "gained", "lost", "support", "fixed", "broken")} == {
        "a": 2,
        "b": 2,
        "gained": 1,
        "lost": 1,
        "support": 2,
        "fixed": 1,
        "broken": 0,
    }
    assert (y["fixed"], y["broken"], y["f1_a"], y["p"]) == (1, 1, 0.0, 1.0)
    assert (x["f1_a"], x["f1_b"], x["difference"]) == (pytest.approx(2 / 3), 1.0, pytest.approx(1 / 3))
    assert summary["gold"]["paragraphs"] == 3
    assert summary["gold"]["micro_f1"]["a"] == pytest.approx(0.5)
    assert summary["gold"]["micro_f1"]["b"] == pytest.approx(0.8)
    rows = changes(pair)
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert rows[0] == {
        "id": "1",
        "text": "封。",
        "a": ["y"],
        "b": ["x"],
        "gained": ["x"],
        "lost": ["y"],
        "gold": ["x"],
        "fixed": ["x", "y"],
        "broken": [],
    }
    assert "gold" not in rows[2]
    for table in comparison_tables(pair, summary, rows, "zh"):
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_without_gold_nothing_is_better_or_worse() -> None:
    summary = compare(_pair([[1, 0]], [[0, 1]], [None]), FEW)
    assert summary["gold"] is None
    assert set(summary["labels"]["x"]) == {"a", "b", "gained", "lost"}


def test_the_paired_bootstrap_sees_a_small_steady_gain() -> None:
    random = np.random.default_rng(2)
    gold = random.random((600, 4)) < 0.3
    a = gold ^ (random.random(gold.shape) < 0.25)
    b = np.where(random.random(gold.shape) < 0.2, gold, a)
    found = against_gold(a, b, gold, Settings(5, 400))["micro_f1"]
    low, high = found["interval"]
    assert low > 0
    assert low < found["difference"] < high
    assert found["favour_b"] == 1.0
    turned = against_gold(b, a, gold, Settings(5, 400))["micro_f1"]
    assert turned["difference"] == pytest.approx(-found["difference"])
    assert turned["interval"] == pytest.approx([-high, -low])
    same = against_gold(a, a, gold, Settings(5, 100))["macro_f1"]
    assert (same["difference"], same["interval"], same["favour_b"]) == (0.0, [0.0, 0.0], 0.5)
    assert against_gold(a, b, gold, Settings(5, 0))["micro_f1"]["interval"] is None


def test_mcnemar() -> None:
    assert mcnemar(0, 0) is None
    assert mcnemar(8, 1) == pytest.approx(binomtest(1, 9).pvalue)
    assert mcnemar(5, 5) == pytest.approx(1.0)


def test_runs_are_matched_by_what_they_share(tmp_path: Path) -> None:
    row = {"file": "a.txt", "labels": ["lockdown"], "taxonomy_hash": "t"}
    a = _run(
        tmp_path / "a.jsonl",
        {**row, "paragraph": "p1", "text": "封村。"},
        {**row, "paragraph": "p1", "text": "封村。"},
        {**row, "paragraph": "p2", "text": "天晴。"},
    )
    b = _run(
        tmp_path / "b.jsonl",
        {**row, "paragraph": "p2", "text": "天晴。", "labels": []},
        {**row, "paragraph": "p1", "text": "封村。", "labels": ["lockdown", "own_label"]},
        {**row, "paragraph": "p1", "text": "封村。"},
        {**row, "paragraph": "p3", "text": "停课。"},
    )
    pair = pair_sides(str(a), str(b), [], Columns(), "zh")
    assert pair.ids == ["p1", "p1", "p2"]
    assert pair.labels == ("lockdown", "own_label")
    assert pair.names == {"lockdown": "封闭管控", "own_label": "own_label"}
    assert (pair.a[:, 0].tolist(), pair.b.tolist()) == (
        [True] * 3,
        [[True, True], [True, False], [False, False]],
    )
    assert pair.notes == [f"1 of 4 rows of {b} are not in the other run and left out"]
    assert not pair.coded.any()


def test_runs_of_other_files_are_matched_by_text_and_ids_with_other_texts_are_not(tmp_path: Path) -> None:
    a = _run(
        tmp_path / "a.jsonl",
        {"id": 1, "text": "封村。", "labels": []},
        {"id": 2, "text": "天晴。", "labels": []},
    )
    b = _run(
        tmp_path / "b.jsonl",
        {"id": "1", "text": "封村。", "labels": []},
        {"id": "2", "text": "天阴。", "labels": []},
    )
    assert pair_sides(str(a), str(b), [], Columns(), "zh").ids == ["1"]
    c = _run(tmp_path / "c.jsonl", {"id": "x", "text": "天晴。", "labels": []})
    assert pair_sides(str(a), str(c), [], Columns(), "zh").texts == ["天晴。"]
    d = _run(tmp_path / "d.jsonl", {"id": "x", "text": "下雨。", "labels": []})
    with pytest.raises(DataError, match="share no paragraph"):
        pair_sides(str(a), str(d), [], Columns(), "zh")


def test_gold_labels_for_runs(tmp_path: Path) -> None:
    rows = [{"id": "1", "text": "封村。"}, {"id": "2", "text": "天晴。"}, {"id": "3", "text": "停课。"}]
    a = _run(tmp_path / "a.jsonl", *({**row, "labels": ["lockdown"]} for row in rows))
    b = _run(tmp_path / "b.jsonl", *({**row, "labels": []} for row in rows))
    gold = _run(
        tmp_path / "gold.jsonl",
        {"id": "1", "text": "封村。", "labels": ["封闭管控", "testing"]},
        {"id": "9", "text": "天晴。", "labels": []},
        {"id": "3", "text": "停课。"},
    )
    pair = pair_sides(str(a), str(b), [gold], Columns(), "zh")
    assert pair.coded.tolist() == [True, True, False]
    assert pair.labels == ("lockdown",)
    assert pair.gold.tolist() == [[True], [False], [False]]
    assert pair.notes == ["2 of 3 paragraphs have gold labels"]
    other = _run(tmp_path / "other.jsonl", {"id": "1", "text": "下雨。", "labels": []})
    with pytest.raises(DataError, match="has gold labels for no paragraph"):
        pair_sides(str(a), str(b), [other], Columns(), "zh")


def test_different_taxonomies(tmp_path: Path) -> None:
    assert shared_labels(("a", "b"), ("b", "a")) == (("a", "b"), [])
    shared, notes = shared_labels(("a", "b"), ("b", "c"))
    assert shared == ("b",)
    assert notes == ["different taxonomies: compared over the 1 shared labels, without a, c"]
    with pytest.raises(DataError, match="share no label"):
        shared_labels(("a",), ("b",))
    one = {"text": "封村。", "labels": ["lockdown"]}
    a = _run(tmp_path / "a.jsonl", {**one, "taxonomy_hash": "1"})
    b = _run(tmp_path / "b.jsonl", {**one, "scores": {"lockdown": 0.9, "more": 0.1}, "taxonomy_hash": "2"})
    pair = pair_sides(str(a), str(b), [], Columns(), "en")
    assert pair.notes == ["different taxonomies: compared over the 1 shared labels, without more"]


def test_two_models(small_model: Path, small_data: Path, tmp_path: Path) -> None:
    strict = tmp_path / "strict"
    shutil.copytree(small_model, strict)
    thresholds = json.loads((strict / "thresholds.json").read_text(encoding="utf-8"))
    thresholds["labels"]["closure"]["threshold"] = 0.9999
    write_json(strict / "thresholds.json", thresholds)
    write_manifest(strict)
    told: list[tuple[int, int]] = []
    pair = pair_sides(
        str(small_model), str(strict), [small_data], Columns(), "zh", 1, lambda *at: told.append(at)
    )
    assert told[-1] == (96, 96)
    assert pair.coded.all()
    summary = compare(pair, FEW)
    assert summary["labels"]["closure"]["lost"] == summary["changed"] > 0
    assert summary["labels"]["closure"]["broken"] > summary["labels"]["closure"]["fixed"]
    assert summary["gold"]["micro_f1"]["interval"][1] < 0
    assert summary["labels"]["treatment"]["p"] is None


def test_mistakes(small_model: Path, small_data: Path, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    run = str(_run(tmp_path / "a.jsonl", {"text": "封村。", "labels": []}))
    model = str(small_model)
    for a, b, data, error, message in (
        (model, run, [], UsageError, "two models or two runs"),
        (model, model, [], UsageError, "need DATA"),
        (run, str(tmp_path / "b.jsonl"), [], DataError, "no such file"),
        (model, "nothing", [small_data], DataError, "no such model folder"),
    ):
        with pytest.raises(error, match=message):
            pair_sides(a, b, data, Columns(), "zh")
    broken = _run(tmp_path / "c.jsonl", {"text": "封村。"}, {"labels": []}, {"text": 3, "labels": []})
    with pytest.raises(
        DataError, match=r"(?s)3 problem.*c\.jsonl:1: 'labels' is missing.*c\.jsonl:3: 'text'"
    ):
        read_run(broken)
    with pytest.raises(DataError, match=r"no row; give the JSONL"):
        read_run(_run(tmp_path / "d.jsonl"))
    odd = _run(tmp_path / "e.jsonl", {"text": "封。", "labels": ["nothing"]}, {"text": " "}, {"labels": []})
    with pytest.raises(DataError, match=r"(?s)e\.jsonl:1: unknown label 'nothing'.*:2: 'text'.*:3: 'text'"):
        read_paragraphs([odd], small_taxonomy, Columns())


def test_the_folder_of_a_comparison(tmp_path: Path) -> None:
    pair = _pair([[1, 0]], [[0, 1]], [[0, 1]])
    out = tmp_path / "out"
    for _ in range(2):
        check_comparison(out)
        write_comparison(out, compare(pair, FEW), changes(pair))
    assert {path.name for path in out.iterdir()} == {"summary.json", "changes.jsonl"}
    (out / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="is no comparison"):
        check_comparison(out)
