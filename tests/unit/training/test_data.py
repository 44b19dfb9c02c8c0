"""Labelled rows: which column is what, and how labels may stand in a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.modelfolder import open_model
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.cells import label_names, split_cell
from cuoshi.training.data import Columns, read_examples


def _jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", ()),
        ("  ", ()),
        ("closure", ("closure",)),
        ("closure|treatment", ("closure", "treatment")),
        ("closure ｜ treatment", ("closure", "treatment")),
        ("closure;treatment；", ("closure", "treatment")),
        ("closure,treatment", ("closure", "treatment")),
        ("closure、checkpoint，treatment", ("closure", "checkpoint", "treatment")),
        ('["closure", "treatment"]', ("closure", "treatment")),
        ("['closure', 'treatment']", ("closure", "treatment")),
        ("[]", ()),
        ("封闭管理|医疗救治", ("closure", "treatment")),
        ("Closure", ("closure",)),
        (["封闭管理"], ("closure",)),
    ],
)
def test_labels_in_one_cell(
    tmp_path: Path, small_taxonomy: Taxonomy, cell: object, expected: tuple[str, ...]
) -> None:
    path = _jsonl(tmp_path / "d.jsonl", {"text": "小区封闭。", "labels": cell})
    assert read_examples([path], small_taxonomy)[0].labels == expected


def test_a_name_may_hold_a_separator() -> None:
    assert split_cell("宣传、教育", {"宣传、教育": "publicity"}) == ["宣传、教育"]
    assert split_cell("宣传、教育|检测", {"宣传、教育": "publicity"}) == ["宣传、教育", "检测"]


def test_columns_by_name(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    row = {"编号": 7, "正文": "小区封闭。", "标签": "closure", "来源": "晚报", "text": "x"}
    path = _jsonl(tmp_path / "d.jsonl", row)
    found = read_examples([path], small_taxonomy, Columns(id="编号", text="正文", labels="标签"))[0]
    assert (found.id, found.text, found.labels) == ("7", "小区封闭。", ("closure",))
    assert found.meta == {"来源": "晚报", "text": "x"}
    with pytest.raises(DataError, match="no row has a column '内容' for the texts"):
        read_examples([path], small_taxonomy, Columns(text="内容", labels="标签"))
    with pytest.raises(DataError, match="no row has a column 'key' for the ids"):
        read_examples([path], small_taxonomy, Columns(id="key", text="正文", labels="标签"))


def test_ids_are_made_where_there_are_none(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        rows = [{"text": "小区封闭。", "labels": []}] * 2
        files.append(_jsonl(tmp_path / folder / "d.jsonl", *rows))
    ids = [example.id for example in read_examples(files, small_taxonomy)]
    assert ids == ["d.jsonl:1", "d.jsonl:2", f"{files[1]}:1", f"{files[1]}:2"]


def test_wide_columns(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    row = {"text": "小区封闭。", "checkpoint": 0, "封闭管理": "1", "treatment": "", "n": 3}
    path = _jsonl(tmp_path / "d.jsonl", row)
    found = read_examples([path], small_taxonomy, Columns(wide=True))[0]
    assert found.labels == ("closure",)
    assert found.meta == {"n": 3}
    faulty = _jsonl(tmp_path / "e.jsonl", {"text": "小区封闭。", "closure": "maybe", "treatment": 0})
    with pytest.raises(DataError) as caught:
        read_examples([faulty], small_taxonomy, Columns(wide=True))
    assert "no column for the label(s) checkpoint" in str(caught.value)
    assert "'closure' is 'maybe', neither 0 nor 1" in str(caught.value)


def test_a_missing_label_cell_is_no_answer(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    path = _jsonl(tmp_path / "d.jsonl", {"text": "小区封闭。", "labels": None})
    with pytest.raises(DataError, match="key 'labels' is missing"):
        read_examples([path], small_taxonomy)


def test_the_labels_of_a_model_serve_as_well(
    small_model: Path, small_taxonomy: Taxonomy, small_data: Path
) -> None:
    labels = open_model(small_model).labels
    assert label_names(labels) == label_names(small_taxonomy)
    assert read_examples([small_data], labels) == read_examples([small_data], small_taxonomy)


def test_csv_and_parquet(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    csv = tmp_path / "d.csv"
    csv.write_bytes("id,text,labels\r\n1,小区封闭。,closure|treatment\r\n2,晴。,\r\n".encode("gb18030"))
    found = read_examples([csv], small_taxonomy)
    assert [(e.id, e.text, e.labels) for e in found] == [
        ("1", "小区封闭。", ("closure", "treatment")),
        ("2", "晴。", ()),
    ]
    assert found[1].where == f"{csv}:3"
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["小区封闭。", "晴。"], "labels": [["closure"], []], "n": [1, 2]})
    parquet.write_table(table, tmp_path / "d.parquet")
    found = read_examples([tmp_path / "d.parquet"], small_taxonomy)
    assert [(e.labels, e.meta) for e in found] == [(("closure",), {"n": 1}), ((), {"n": 2})]


def test_no_such_file(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_examples([tmp_path / "none.csv"], small_taxonomy)
