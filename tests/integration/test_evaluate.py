"""`cuoshi evaluate` and `cuoshi compare` as processes, with the shipped model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROWS = [
    {"id": "1", "text": "镇口设了卡点，过往车辆逐一登记查验。", "labels": ["travel_control"], "源": "甲"},
    {"id": "2", "text": "今天多云转晴，最高气温二十四度。", "labels": [], "源": "甲"},
    {"id": "3", "text": "全县中小学停课一周，改上网课。", "labels": ["schools"], "源": "乙"},
    {"id": "4", "text": "全员核酸检测明早七点开始，居民分时段下楼采样。", "labels": ["testing"], "源": "乙"},
]


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cuoshi", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "LC_ALL": "C"},
        cwd=cwd,
        timeout=120,
        check=False,
    )


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "data.jsonl", ROWS)


def test_evaluate_writes_a_report_and_prints_the_same_figures(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "报告"
    result = run(
        "evaluate",
        "measures-zh",
        data,
        "--by",
        "源",
        "--train",
        data,
        "--rounds",
        "100",
        "--out",
        out,
        "--json",
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    figures = json.loads(result.stdout)
    assert figures == json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert figures["paragraphs"] == 4
    assert set(figures["baselines"]) == {"always_none", "frequency", "keywords", "tfidf"}
    assert figures["baselines"]["always_none"]["exact_match"] == pytest.approx(0.25)
    assert figures["labels"]["vaccination"]["average_precision"] is None
    assert list(figures["by_源"]) == ["乙", "甲"]
    assert figures["train_overlap"] == 4
    assert "\\u" not in result.stdout
    assert "全县中小学" not in result.stdout


def test_evaluate_prints_tables(data: Path) -> None:
    result = run("evaluate", "measures-zh", data, "--lang", "en", "--rounds", "50")
    assert result.returncode == 0, result.stderr
    for part in ("Overall", "By label", "By group", "always “no measure”", "Schools"):
        assert part in result.stdout, part
    assert "\x1b" not in result.stdout
    assert "Labels without a positive in the data" in result.stderr


def test_mistakes_of_evaluate(data: Path, tmp_path: Path) -> None:
    odd = jsonl(tmp_path / "odd.jsonl", [{**ROWS[0], "labels": ["travel"]}])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x", encoding="utf-8")
    for arguments, code, message in (
        ([odd], 3, "odd.jsonl:1: unknown label 'travel'"),
        ([data, "--by", "month"], 2, "its columns are: 源"),
        ([data, "--out", tmp_path / "full"], 2, "is no report"),
        ([data, "--text-column", "正文"], 3, "no row has a column '正文' for the texts"),
    ):
        result = run("evaluate", "measures-zh", *arguments)
        assert result.returncode == code, result.stderr
        assert message in result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout == ""
    assert run("evaluate", "nothing", data).returncode == 3


def test_compare_two_runs(data: Path, tmp_path: Path) -> None:
    article = tmp_path / "a.txt"
    article.write_text("\n".join(row["text"] for row in ROWS) + "\n", encoding="utf-8")
    for name, threshold in (("a", "0.5"), ("b", "0.999")):
        labelled = run("label", article, "--threshold", threshold, "--out", tmp_path / f"{name}.jsonl")
        assert labelled.returncode == 0, labelled.stderr
    sides = (tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    out = tmp_path / "out"
    result = run("compare", *sides, data, "--out", out, "--json")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary == json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["gold"]["micro_f1"]["a"] > summary["gold"]["micro_f1"]["b"]
    changes = [json.loads(line) for line in (out / "changes.jsonl").read_text("utf-8").splitlines()]
    assert len(changes) == summary["changed"] > 0
    lost = sum(row["lost"] for row in summary["labels"].values())
    assert lost == sum(len(row["lost"]) for row in changes) > 0
    table = run("compare", *sides, "--out", tmp_path / "only.jsonl")
    assert table.returncode == 0, table.stderr
    assert "学校防控" in table.stdout
    only = [json.loads(line) for line in (tmp_path / "only.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in only] == [row["id"] for row in changes]
    assert run("compare", *sides, "--out", sides[0]).returncode == 2
    assert run("compare", sides[0], "measures-zh", data).returncode == 2
