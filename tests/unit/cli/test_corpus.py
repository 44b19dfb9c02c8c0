"""What `cuoshi corpus` prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cuoshi.classifier.cli.corpus import app
from cuoshi.classifier.errors import DataError

OTHERS: dict[str, Any] = {
    "genre": "county_news",
    "period": "2022-04",
    "disease": "covid19",
    "place": "贵州铜仁",
    "level": "county",
    "script": "hans",
    "title": "[red]封村[/red]三天",
}
TEXTS = {
    "train": ("全村封闭三天,只留北口一条路,送菜的车在路口卸货,由志愿者分到各家各户门前。", ["closure"]),
    "validation": ("稻子快熟了。", []),
    "test": ("乡卫生院收治两人。", ["treatment"]),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split, (text, labels) in TEXTS.items():
        row = {"id": f"{split}-01", "article": split, "index": 0, "text": text, "labels": labels, **OTHERS}
        row |= {"pass_a": labels, "pass_b": ["closure"] if labels else []}
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    return tmp_path


def run(command: str, folder: Path, taxonomy: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [command, str(folder), "--taxonomy", str(taxonomy), *arguments])


def edit(file: Path, **values: Any) -> None:
    row = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(row | values, ensure_ascii=False), encoding="utf-8")


def test_check_prints_every_table(folder: Path, small_taxonomy_file: Path) -> None:
    result = run("check", folder, small_taxonomy_file)
    assert result.exit_code == 0, result.exception
    assert "\x1b[" not in result.stdout
    for name in ("Splits", "label", "genre", "year", "disease", "level", "script", "province"):
        assert name in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["closure", "封闭管理", "1", "0", "0", "1"] in lines
    assert ["贵州", "1", "1", "1", "3"] in lines
    assert "Near-duplicate pairs: 0 in train, 0 in validation, 0 in test" in result.stdout


def test_check_as_json(folder: Path, small_taxonomy_file: Path) -> None:
    data = json.loads(run("check", folder, small_taxonomy_file, "--json").stdout)
    assert data["problems"] == []
    assert data["splits"]["test"]["paragraphs"] == 1
    assert data["near_duplicates"] == {"within": {"train": 0, "validation": 0, "test": 0}, "short_across": 0}


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--write-readme",)])
def test_problems_come_after_the_figures_with_exit_code_3(
    folder: Path, small_taxonomy_file: Path, arguments: tuple[str, ...]
) -> None:
    edit(folder / "test.jsonl", genre="poem", pass_b=["closed"])
    edit(folder / "train.jsonl", article="test")
    result = run("check", folder, small_taxonomy_file, *arguments)
    assert isinstance(result.exception, DataError)
    assert result.exception.exit_code == 3
    message = str(result.exception)
    assert message.startswith("3 problem(s)")
    for part in ("genre 'poem'", "unknown label 'closed' in 'pass_b'", "article 'test' stands in train too"):
        assert part in message
    assert "poem" in result.stdout
    if arguments == ("--json",):
        assert len(json.loads(result.stdout)["problems"]) == 3
    assert not (folder / "README.md").exists()


def test_check_against_outside_text(folder: Path, small_taxonomy_file: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.jsonl"
    outside.write_text(json.dumps({"text": TEXTS["train"][0].replace("三天", "五天")}), encoding="utf-8")
    result = run("check", folder, small_taxonomy_file, "--against", str(outside))
    assert isinstance(result.exception, DataError)
    assert f"of outside text at {outside}:1" in str(result.exception)
    assert "1 problem(s)" in str(result.exception)


def test_check_writes_the_data_sheet(folder: Path, small_taxonomy_file: Path) -> None:
    sheet = folder / "README.md"
    sheet.write_text(
        "<!-- composition -->\n<!-- /composition -->\n<!-- agreement -->\n<!-- /agreement -->\n",
        encoding="utf-8",
    )
    assert "README.md written" in run("check", folder, small_taxonomy_file, "--write-readme").stderr
    assert "| closure | 封闭管理 | 1 | 0 | 0 | 1 |" in sheet.read_text(encoding="utf-8")
    assert "is up to date" in run("check", folder, small_taxonomy_file, "--write-readme").stderr


def test_agreement_prints_both_tables(folder: Path, small_taxonomy_file: Path) -> None:
    result = run("agreement", folder, small_taxonomy_file)
    assert result.exit_code == 0, result.exception
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["equal", "label", "sets", "0.667", "1.000", "1.000", "0.000"] in lines
    assert ["closure", "封闭管理", "1", "2", "1", "0.667", "0.400", "0.444"] in lines


def test_agreement_as_json(folder: Path, small_taxonomy_file: Path) -> None:
    data = json.loads(run("agreement", folder, small_taxonomy_file, "--json").stdout)
    assert data["overall"]["all"]["exact_match"] == pytest.approx(2 / 3)
    assert data["labels"]["checkpoint"]["kappa"] is None


@pytest.mark.parametrize("command", ["check", "agreement"])
def test_a_folder_without_a_corpus(command: str, tmp_path: Path, small_taxonomy_file: Path) -> None:
    result = run(command, tmp_path / "none", small_taxonomy_file)
    assert isinstance(result.exception, DataError)
    assert "cannot be read" in str(result.exception)


def test_agreement_refuses_a_faulty_corpus(folder: Path, small_taxonomy_file: Path) -> None:
    edit(folder / "test.jsonl", pass_a=None)
    result = run("agreement", folder, small_taxonomy_file)
    assert isinstance(result.exception, DataError)
    assert "'pass_a' is no list of label ids" in str(result.exception)
