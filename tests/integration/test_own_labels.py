"""docs/own-labels.md as a person would follow it, from the files of the example to a labelled article."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cuoshi.classifier.modelfolder import open_model
from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy

ROOT = Path(__file__).parents[2]
FLOOD = ROOT / "examples" / "flood"
TAXONOMY = FLOOD / "taxonomy.yaml"
DATA, TEST, ARTICLE = FLOOD / "paragraphs.jsonl", FLOOD / "test.jsonl", FLOOD / "article.txt"
EPOCHS = 3


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, "-m", "cuoshi", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=900,
        cwd=ROOT,
        check=False,
    )
    assert "Traceback" not in result.stderr
    return result


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load_taxonomy(TAXONOMY)


@pytest.fixture(scope="module")
def flood_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The second command of the page, with fewer epochs."""
    out = tmp_path_factory.mktemp("models") / "flood"
    command = ("train", DATA, "--test", TEST, "--taxonomy", TAXONOMY, "--out", out)
    # A network that learned so little is unsure, and int8 tips more of its decisions than a finished one's.
    less = ("--epochs", str(EPOCHS), "--patience", "0", "--set", "max_flips=0.03")
    result = run(*command, "--set", "validation_share=0.2", *less)
    assert result.returncode == 0, result.stderr
    assert "0 fail" in result.stderr
    return out


def test_taxonomy_check_says_what_the_page_says() -> None:
    result = run("taxonomy", "check", TAXONOMY.relative_to(ROOT))
    assert result.returncode == 0, result.stderr
    for page in ("own-labels.md", "own-labels.zh.md"):
        assert result.stdout.strip() in (ROOT / "docs" / page).read_text(encoding="utf-8")


def test_wrong_taxonomy_is_told_before_anything_is_learned(tmp_path: Path) -> None:
    result = run("train", DATA, "--out", tmp_path / "model")
    assert result.returncode == 3
    assert "labels are not in taxonomy measures-zh" in result.stderr
    assert "'response'" in result.stderr
    assert "--taxonomy FILE" in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_training_writes_a_complete_model_folder(flood_model: Path, taxonomy: Taxonomy) -> None:
    model = open_model(flood_model)  # compares every file with the manifest
    assert model.labels.ids == taxonomy.ids
    assert model.labels.taxonomy_hash == taxonomy.hash
    splits = json.loads((flood_model / "splits.json").read_text(encoding="utf-8"))
    held = {json.loads(line)["id"] for line in TEST.read_text(encoding="utf-8").splitlines()}
    assert set(splits["test"]) == held
    assert not held & {*splits["train"], *splits["validation"]}
    articles = [{name.split("-")[0] for name in splits[part]} for part in ("train", "validation")]
    assert not articles[0] & articles[1]


@pytest.mark.slow
def test_evaluation_beats_the_baselines(flood_model: Path, taxonomy: Taxonomy, tmp_path: Path) -> None:
    out = tmp_path / "report"
    command = ("evaluate", flood_model, TEST, "--taxonomy", TAXONOMY, "--train", DATA, "--out", out)
    result = run(*command, "--rounds", "50")
    assert result.returncode == 0, result.stderr
    figures = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in TEST.read_text(encoding="utf-8").splitlines()]
    support = Counter(label for row in rows for label in row["labels"])
    assert {label: row["support"] for label, row in figures["labels"].items()} == dict(support)
    baselines = {name: row["micro_f1"] for name, row in figures["baselines"].items()}
    assert len(baselines) >= 4
    assert figures["micro_f1"] > max(baselines.values())
    assert "<svg" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_article_gets_labels_of_the_taxonomy(flood_model: Path, taxonomy: Taxonomy) -> None:
    result = run("label", "--model", flood_model, ARTICLE, "--format", "jsonl", "--scores")
    assert result.returncode == 0, result.stderr
    records: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    found = {label for record in records for label in record["labels"]}
    assert found
    assert found <= set(taxonomy.ids)
    assert all(list(record["scores"]) == list(taxonomy.ids) for record in records)
    assert {record["taxonomy"].split()[0] for record in records} == {"flood-zh"}
    # Ranks, not decisions: a network of so few epochs has them right long before it is sure.
    for label, words in {"closure": "停课一天", "rescue": "12名村民被困", "relief": "赔款当天到账"}.items():
        scores = next(record["scores"] for record in records if words in record["text"])
        assert max(scores, key=scores.get) == label
