"""A report: its files, its names, its page that loads nothing and shows what it is given as text."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import html
from rich.cells import cell_len

from cuoshi.classifier.cli.tables import fitting
from cuoshi.classifier.errors import MissingExtraError, UsageError
from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.baselines import baseline_figures
from cuoshi.training.data import Example, label_array
from cuoshi.training.evaluate import Evaluation
from cuoshi.training.figures import Settings, by_column, figures_of
from cuoshi.training.report.files import check_report, write_report
from cuoshi.training.report.summary import all_tables, notes, systems_table
from cuoshi.training.report.words import WORDS

ROOT = Path(__file__).resolve().parents[3]
EVIL = "<script src='http://evil.example/x.js'></script><img src=x onerror=alert(1)>&lt;镇口设卡"
NAMES = """\
name: small
version: 0.1.0
groups: [{id: move, name: {zh: "出行<b>", en: Movement}}, {id: care, name: {zh: 医疗, en: Care}}]
labels:
  - {id: checkpoint, group: move, name: {zh: "=设卡</text><i>$x_1$ & 查", en: Checkpoints}, terms: [卡]}
  - {id: closure, group: move, name: {zh: 封闭管理, en: Closure}}
  - {id: treatment, group: care, name: {zh: 医疗救治, en: Treatment}}
"""


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    path = tmp_path / "names.yaml"
    path.write_text(NAMES, encoding="utf-8")
    return load_taxonomy(path)


def _done(taxonomy: Taxonomy, examples: list[Example], scores: Any) -> Evaluation:
    gold = label_array((example.labels for example in examples), taxonomy.ids)
    limits = np.full(3, 0.5, dtype=np.float32)
    settings = Settings(min_support=1, rounds=20)
    figures = figures_of(scores, gold, limits, taxonomy, settings)
    values = [str(example.meta.get("source", "")) for example in examples]
    figures = {
        "schema_version": "1.0",
        "cuoshi": "0",
        "model": "m<b> 1",
        "model_hash": "0",
        "taxonomy": "small 0.1.0",
        "taxonomy_hash": taxonomy.hash,
        "data": [{"file": "d<i>.jsonl", "sha256": "0"}],
        **figures,
        "by_source": by_column(values, scores >= limits, gold, settings),
        "baseline_frequencies": "train",
        "train_overlap": 1,
        "baselines": baseline_figures(examples, taxonomy, settings, examples, examples),
    }
    return Evaluation(Path("m"), taxonomy, examples, gold, scores, limits, figures)


@pytest.fixture
def done(taxonomy: Taxonomy) -> Evaluation:
    sets = [("checkpoint",), ("closure",), (), ("checkpoint", "closure"), ("closure",), ()]
    examples = [
        Example(
            f"r{n}",
            EVIL if n == 1 else f"村口设卡{n}。",
            labels,
            {"source": "<u>甲" if n % 2 else ""},
            f"d:{n}",
        )
        for n, labels in enumerate(sets)
    ]
    scores = np.random.default_rng(1).random((6, 3)).astype(np.float32)
    scores[1] = (0.9, 0.1, 0.8)
    return _done(taxonomy, examples, scores)


def test_the_files_of_a_report(done: Evaluation, tmp_path: Path) -> None:
    out = tmp_path / "report"
    write_report(out, done, "zh")
    assert {path.name for path in out.iterdir()} == {
        *("metrics.json", "per_label.csv", "errors.jsonl", "report.html")
    }
    assert json.loads((out / "metrics.json").read_text("utf-8")) == json.loads(json.dumps(done.figures))
    with (out / "per_label.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows] == list(done.taxonomy.ids)
    assert rows[0]["name_zh"].startswith("'=")
    assert rows[2]["recall"] == rows[2]["average_precision"] == ""
    assert float(rows[0]["f1"]) == done.figures["labels"]["checkpoint"]["f1"]
    errors = [json.loads(line) for line in (out / "errors.jsonl").read_text("utf-8").splitlines()]
    assert [row["loss"] for row in errors] == sorted((row["loss"] for row in errors), reverse=True)
    assert EVIL in {row["text"] for row in errors}
    write_report(out, done, "en")
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["report"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_loads_nothing_and_escapes_everything(done: Evaluation, tmp_path: Path, lang: Any) -> None:
    write_report(tmp_path / "report", done, lang)
    text = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    page = html.document_fromstring(text)
    assert not page.xpath(
        "//link | //img | //iframe | //object | //embed | //b[contains(., 'evil')] | //i | //u"
    )
    assert [script.get("src") for script in page.iter("script")] == [None]
    for element in page.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on"), name
            if name in ("src", "href", "{http://www.w3.org/1999/xlink}href", "xlink:href"):
                assert value.startswith("#"), value
    outside = re.findall(r"(?:https?:)?//[a-z]", re.sub(r"<p lang=zh>.*?</p>", "", text))
    assert not outside
    assert "@import" not in text
    assert "default-src 'none'" in page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert EVIL in [node.text_content() for node in page.xpath("//ol[@class='errors']//p[@lang='zh']")]
    assert len(page.xpath("//svg")) == 4
    for svg in page.xpath("//svg"):
        assert svg.get("role") == "img"
        assert svg.get("aria-label")
    shown = {" ".join(node.text_content().split()) for node in page.xpath("//svg//text")}
    name = done.taxonomy.labels[0].name.get(lang)
    assert f"{name} (2)" in shown
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {ref.partition("#")[2].rstrip(")") for ref in page.xpath("//@clip-path")} <= set(ids)


def test_a_page_of_right_answers_alone(taxonomy: Taxonomy, tmp_path: Path) -> None:
    examples = [Example(str(n), "天晴。", (), {}, f"d:{n}") for n in range(3)]
    done = _done(taxonomy, examples, np.zeros((3, 3), dtype=np.float32))
    assert done.figures["micro_f1"] is None
    assert done.figures["macro_average_precision"] is None
    assert done.figures["no_measure_f1"] == done.figures["exact_match"] == 1.0
    write_report(tmp_path / "report", done, "zh")
    assert "没有错误" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "report" / "errors.jsonl").read_text(encoding="utf-8") == ""
    assert "NaN" not in (tmp_path / "report" / "metrics.json").read_text(encoding="utf-8")
    assert any("checkpoint, closure, treatment" in line for line in notes(done.figures, "zh"))


def test_one_paragraph_and_a_label_that_all_have(taxonomy: Taxonomy, tmp_path: Path) -> None:
    done = _done(taxonomy, [Example("1", "封。", taxonomy.ids, {}, "d:1")], np.ones((1, 3), dtype=np.float32))
    assert done.figures["micro_f1"] == done.figures["macro_average_precision"] == 1.0
    assert done.figures["no_measure_f1"] is None
    write_report(tmp_path / "report", done, "en")


def test_half_a_surrogate_pair_in_a_column_is_written(done: Evaluation, tmp_path: Path) -> None:
    odd = replace(done, figures={**done.figures, "model": "m \ud800"})
    write_report(tmp_path / "report", odd, "zh")
    assert "m \\ud800" in (tmp_path / "report" / "metrics.json").read_text(encoding="utf-8")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="is no report"):
        check_report(tmp_path)
    check_report(tmp_path / "new")


def test_missing_plots_are_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuoshi.training.report.files.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cuoshi\[train\]'"):
        check_report(tmp_path / "new")


def test_tables_have_a_cell_a_column(done: Evaluation) -> None:
    for lang in ("zh", "en"):
        for table in all_tables(done.figures, done.taxonomy, lang):  # type: ignore[arg-type]
            assert {len(row) for row in table.rows} <= {len(table.header)}, table.title
            assert set(fitting(table, 10_000).header) == set(table.header)


@pytest.mark.parametrize("width", [80, 100, 118])
def test_the_overall_table_fits_a_terminal(done: Evaluation, width: int) -> None:
    for lang in ("zh", "en"):
        table = fitting(systems_table(done.figures, lang), width)  # type: ignore[arg-type]
        columns = zip(table.header, *table.rows, strict=True)
        assert sum(max(map(cell_len, column)) + 2 for column in columns) - 2 <= width
        shown = set(table.header)
        assert {WORDS[lang][key] for key in ("micro_f1", "macro_f1", "no_measure_f1")} <= shown
        assert (WORDS[lang]["micro_precision"] in shown) == (WORDS[lang]["micro_recall"] in shown)


def _keys(value: Any) -> set[str]:
    """Names in an object, but not labels, groups and values of columns."""
    if isinstance(value, list):
        return set().union(*map(_keys, value))
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, inner in value.items():
        free = key in ("labels", "groups", "baselines") or key.startswith("by_")
        found |= {key if not key.startswith("by_") else "by_COLUMN"}
        found |= set().union(*map(_keys, inner.values())) if free else _keys(inner)
    return found


def test_the_names_in_metrics_json_stay_and_are_documented(done: Evaluation) -> None:
    text = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-zA-Z0-9_]+)`", text.partition("## compare")[0]))
    names = _keys(done.figures)
    assert names <= documented, names - documented
    assert list(done.figures) == TOP
    assert set(done.figures["labels"]["closure"]) == {
        *("precision", "recall", "f1", "average_precision", "support", "predicted", "threshold"),
        *("interval", "intervals", "at_half"),
    }


TOP = [
    *("schema_version", "cuoshi", "model", "model_hash", "taxonomy", "taxonomy_hash", "data"),
    *("paragraphs", "no_measure_support", "min_support", "macro_labels", "bootstrap"),
    *("micro_precision", "micro_recall", "micro_f1", "macro_precision", "macro_recall", "macro_f1"),
    *("samples_precision", "samples_recall", "samples_f1", "exact_match", "hamming_loss"),
    *("no_measure_precision", "no_measure_recall", "no_measure_f1"),
    *("micro_average_precision", "macro_average_precision", "intervals", "calibration_error"),
    *("at_half", "calibration", "labels", "groups", "confusions", "by_source"),
    *("baseline_frequencies", "train_overlap", "baselines"),
]
