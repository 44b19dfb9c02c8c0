"""The record: its schema, its texts, and CSV that runs nothing."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuoshi.classifier.errors import UsageError
from cuoshi.classifier.predict import Classifier, Selection
from cuoshi.classifier.reading import read_text
from cuoshi.classifier.records import (
    LabelledArticle,
    Record,
    Wanted,
    csv_text,
    jsonl_text,
    label_article,
    record_dict,
    record_schema,
)

TEXT = "镇口设了卡点,过往车辆逐一检查。\n今天天气晴。\n医院收治了三名病人。小区从今晚起封闭,只留一个门。"
SCHEMA_PAGE = Path(__file__).resolve().parents[2] / "docs" / "record.schema.json"


@pytest.fixture(scope="module")
def classifier(small_model: Path) -> Classifier:
    return Classifier.load(small_model)


def _label(classifier: Classifier, wanted: Wanted | None = None, text: str = TEXT) -> LabelledArticle:
    return label_article(classifier, read_text(text), Selection(), wanted or Wanted())


def test_records_say_where_and_by_what(classifier: Classifier) -> None:
    article = _label(classifier)
    assert [r.labels for r in article.records] == [["checkpoint"], [], ["closure", "treatment"]]
    last = article.records[2]
    assert TEXT[last.start : last.end] == last.text
    assert last.names == ["封闭管理", "医疗救治"]
    assert last.groups == ["movement", "care"]
    assert set(last.scores) == {"closure", "treatment"}
    assert last.model == "small-model 1.0.0"
    assert last.model_hash == classifier.folder.hash
    assert last.taxonomy_hash == classifier.folder.labels.taxonomy_hash
    assert [(m.label, m.paragraphs) for m in article.measures] == [
        ("checkpoint", 1),
        ("closure", 1),
        ("treatment", 1),
    ]


def test_wanted(classifier: Classifier) -> None:
    article = _label(classifier, Wanted("en", all_scores=True, evidence=True))
    assert article.records[0].names == ["Checkpoints"]
    assert all(list(r.scores) == ["checkpoint", "closure", "treatment"] for r in article.records)
    evidence = article.records[2].evidence
    assert evidence is not None
    assert evidence["treatment"].text == "医院收治了三名病人。"
    assert article.records[1].evidence == {}


@pytest.mark.parametrize("wanted", [Wanted(), Wanted("en", True, True)])
def test_every_record_is_of_the_documented_schema(classifier: Classifier, wanted: Wanted) -> None:
    schema = json.loads(SCHEMA_PAGE.read_text(encoding="utf-8"))
    assert schema == record_schema(), "write docs/record.schema.json again"
    validator = jsonschema.Draft202012Validator(schema)
    lines = jsonl_text(_label(classifier, wanted).records).splitlines()
    assert len(lines) == 3
    for line in lines:
        validator.validate(json.loads(line))
        assert "\\u" not in line
        assert Record.model_validate_json(line)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**json.loads(lines[0]), "label": "x"})


def test_evidence_is_left_out_when_not_asked_for(classifier: Classifier) -> None:
    assert "evidence" not in record_dict(_label(classifier).records[0])


def test_csv(classifier: Classifier) -> None:
    article = _label(classifier, Wanted(all_scores=True))
    text = csv_text(article.records, classifier.labels)
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert rows[2]["labels"] == "closure|treatment"
    assert rows[1]["labels"] == ""
    header = text.removeprefix("\ufeff").splitlines()[0].split(",")
    assert header[:9] == ["file", "title", "date", "source", "index", "text", "labels", "names", "groups"]
    assert header[-1] == "schema_version"
    assert "evidence" not in header
    assert float(rows[2]["score_treatment"]) == article.records[2].scores["treatment"]


def test_csv_evidence_is_json(classifier: Classifier) -> None:
    article = _label(classifier, Wanted(evidence=True))
    text = csv_text(article.records, evidence=True)
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    for row, record in zip(rows, article.records, strict=True):
        assert json.loads(row["evidence"]) == record_dict(record)["evidence"]
    assert "医院收治" in rows[2]["evidence"]


def test_records_carry_what_is_known_of_the_article(classifier: Classifier) -> None:
    article = replace(read_text(TEXT), title="两天", source="广播站", date="2021-03-04")
    record = label_article(classifier, article, Selection(), Wanted()).records[1]
    assert (record.title, record.source, record.date) == ("两天", "广播站", "2021-03-04")


def test_labelling_an_article_checks_the_selection(classifier: Classifier) -> None:
    with pytest.raises(UsageError, match="'closur'"):
        label_article(classifier, read_text(TEXT), Selection(only=("closur",)), Wanted())


@given(st.text(alphabet=st.sampled_from('=+-@＝＋－＠\t "|,，县a'), min_size=1, max_size=12))
def test_csv_cells_never_start_a_formula(text: str) -> None:
    record = Record(
        file=text,
        paragraph="p1",
        index=0,
        start=0,
        end=1,
        text=text,
        labels=[],
        names=[],
        groups=[],
        scores={},
        windows=1,
        tokens=1,
        unknown=0,
        model="m 1",
        model_hash="0",
        taxonomy="t 1",
        taxonomy_hash="0",
    )
    row = next(csv.DictReader(io.StringIO(csv_text([record]).removeprefix("\ufeff"), newline="")))
    assert row["text"].removeprefix("'") == text
    assert text == "-" or row["text"].lstrip()[:1] not in set("=+-@＝＋－＠")
