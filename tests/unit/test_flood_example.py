"""The example of a label set of one's own holds what its page says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.data import read_examples
from cuoshi.training.near import NearIndex

FOLDER = Path(__file__).parents[2] / "examples" / "flood"
FILES = ("paragraphs.jsonl", "test.jsonl")
MIN_PARAGRAPHS, MIN_POSITIVES = 300, 20


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load_taxonomy(FOLDER / "taxonomy.yaml")


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict[str, Any]]]:
    found = {}
    for name in FILES:
        lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
        found[name] = [json.loads(line) for line in lines]
    return found


def test_rows_are_readable_and_enough(taxonomy: Taxonomy) -> None:
    examples = read_examples([FOLDER / name for name in FILES], taxonomy)
    learned = read_examples([FOLDER / "paragraphs.jsonl"], taxonomy)
    positives = Counter(label for example in learned for label in example.labels)
    assert len(learned) >= MIN_PARAGRAPHS
    assert {label: positives[label] for label in taxonomy.ids if positives[label] < MIN_POSITIVES} == {}
    assert 0.3 < sum(not example.labels for example in examples) / len(examples) < 0.45


def test_no_article_stands_in_both_files(rows: dict[str, list[dict[str, Any]]]) -> None:
    learned, held = ({row["article"] for row in rows[name]} for name in FILES)
    assert learned & held == set()


def test_no_two_paragraphs_are_nearly_the_same(rows: dict[str, list[dict[str, Any]]]) -> None:
    index = NearIndex()
    pairs = []
    known: list[str] = []
    for row in (*rows["paragraphs.jsonl"], *rows["test.jsonl"]):
        prepared = index.prepare(row["text"])
        pairs += [(row["id"], known[number]) for number, _ in index.find(prepared)]
        index.add(prepared)
        known.append(row["id"])
    assert pairs == []


def test_labels_stand_in_the_order_of_the_taxonomy(
    taxonomy: Taxonomy, rows: dict[str, list[dict[str, Any]]]
) -> None:
    for part in rows.values():
        for row in part:
            assert row["labels"] == [label for label in taxonomy.ids if label in row["labels"]]


def test_page_counts_what_is_there(taxonomy: Taxonomy, rows: dict[str, list[dict[str, Any]]]) -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    counts = [Counter(label for row in rows[name] for label in row["labels"]) for name in FILES]
    for label in taxonomy.labels:
        learned, held = (count[label.id] for count in counts)
        assert f"| {label.id} | {label.name.zh} | {learned} | {held} |" in page
    for name in FILES:
        articles = {row["article"] for row in rows[name]}
        assert f"{len(rows[name])} labelled paragraphs of {len(articles)} " in page
