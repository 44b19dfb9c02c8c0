"""Wrong column names and a forgotten taxonomy end in one line, not in one for every row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.modelfolder import Labels
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.data import Columns, read_examples
from cuoshi.training.export import labels_document
from cuoshi.training.paragraphs import read_paragraphs


def _rows(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _message(path: Path, taxonomy: Taxonomy | Labels, columns: Columns | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_examples([path], taxonomy, columns)
    return str(caught.value)


@pytest.mark.parametrize(
    ("row", "columns", "expected"),
    [
        (
            {"编号": "一", "正文": "封路。", "措施": "closure"},
            Columns(),
            "no row has a column 'text' for the texts or a column 'labels' for the labels; its columns are '编号', "
            "'正文', '措施'; name the right ones with --text-column and --labels-column",
        ),
        (
            {"正文": "封路。", "labels": []},
            Columns(),
            "; its columns are '正文', 'labels'; name the right ones with --te",
        ),
        ({"text": "封路。", "措施": ""}, Columns(), "no row has a column 'labels' for the labels"),
        ({"text": "封路。", "closure": 1}, Columns(), "with --wide (a column of 0 and 1 for every label)"),
        ({"text": "封路。", "labels": []}, Columns(wide=True), "with --labels-column instead of --wide"),
        ({"text": "封路。", "labels": []}, Columns(id="编号"), "no row has a column '编号' for the ids"),
    ],
)
def test_wrong_columns(
    tmp_path: Path, small_taxonomy: Taxonomy, row: dict[str, object], columns: Columns, expected: str
) -> None:
    path = _rows(tmp_path / "d.jsonl", *[row] * 400)
    message = _message(path, small_taxonomy, columns)
    assert message.startswith(f"{path}: no row has ")
    assert expected in message
    assert "\n" not in message


def test_a_wide_table_of_many_columns_is_named_shortly(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    path = _rows(tmp_path / "d.jsonl", {f"第{n}列" + "很长" * 40: n for n in range(300)})
    message = _message(path, small_taxonomy)
    assert "and 288 more" in message
    assert len(message) < 1000


def test_a_column_of_some_rows_is_told_row_by_row(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    path = _rows(tmp_path / "d.jsonl", {"text": "封路。", "labels": []}, {"labels": []})
    assert "d.jsonl:2: key 'text' is missing" in _message(path, small_taxonomy)


def test_each_file_has_its_columns(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    right = _rows(tmp_path / "a.jsonl", {"text": "封路。", "labels": []})
    wrong = _rows(tmp_path / "b.jsonl", {"正文": "封路。", "labels": []})
    with pytest.raises(DataError, match=r"b\.jsonl: no row has a column 'text'"):
        read_examples([right, wrong], small_taxonomy)


def test_paragraphs_need_no_labels_column(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    path = _rows(tmp_path / "a.jsonl", {"text": "封路。"})
    assert read_paragraphs([path], small_taxonomy, Columns())[0].labels is None
    with pytest.raises(DataError, match="no row has a column '正文' for the texts"):
        read_paragraphs([path], small_taxonomy, Columns(text="正文"))


def test_another_taxonomy(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    rows = [{"text": "水位上涨。", "labels": [label]} for label in ("patrol", "relief", "closure", "patrol")]
    path = _rows(tmp_path / "d.jsonl", *rows * 50)
    message = _message(path, small_taxonomy)
    assert message == (
        f"{path}: 150 of 200 labels are not in taxonomy {small_taxonomy.name} {small_taxonomy.version} "
        "('patrol', 'relief'); name the taxonomy of these data with --taxonomy FILE"
    )
    model = Labels.model_validate(labels_document(small_taxonomy))
    assert "not in the model's taxonomy" in _message(path, model)
    assert "--taxonomy" not in _message(path, model)


def test_a_few_unknown_labels_are_told_row_by_row(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    path = _rows(tmp_path / "d.jsonl", *[{"text": "封路。", "labels": ["shutting"]}] * 3)
    assert "d.jsonl:3: unknown label 'shutting'" in _message(path, small_taxonomy)
