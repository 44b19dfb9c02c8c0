"""The data of a model's training, found again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.modelfolder import ModelFolder, file_hash, open_model
from cuoshi.training.data import Columns
from cuoshi.training.evaluate import Request, evaluate_files
from cuoshi.training.figures import Settings
from cuoshi.training.recorded import recorded_split
from cuoshi.training.retune import retune


@pytest.fixture
def folder(small_model: Path, small_data: Path, tmp_path: Path) -> ModelFolder:
    """A model that was made from ``data.jsonl``, of which it learned every other paragraph."""
    data = tmp_path / "data.jsonl"
    shutil.copy(small_data, data)
    path = tmp_path / "model"
    path.mkdir()
    made_from = json.loads((small_model / "training.json").read_text(encoding="utf-8"))
    made_from |= {"train": [str(data)], "validation": [], "data_sha256": {str(data): file_hash(data)}}
    ids = [json.loads(line)["id"] for line in data.read_text(encoding="utf-8").splitlines()]
    _write(path / "training.json", made_from)
    _write(path / "splits.json", {"method": "made", "train": ids[::2], "validation": ids[1::2], "test": []})
    return replace(open_model(small_model), path=path)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def test_a_split_that_was_made(folder: ModelFolder, tmp_path: Path) -> None:
    found = recorded_split(folder, "validation")
    assert found.files == (tmp_path / "data.jsonl",)
    assert [example.id for example in found.examples[:3]] == ["r1", "r3", "r5"]


def test_what_is_said_when_it_is_gone(folder: ModelFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no test paragraphs; give DATA"):
        recorded_split(folder, "test")
    with pytest.raises(UsageError, match="options of columns go with DATA"):
        recorded_split(folder, "validation", Columns(text="正文"))
    data = tmp_path / "data.jsonl"
    data.write_text(data.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"data\.jsonl, which has changed since; give DATA"):
        recorded_split(folder, "validation")
    data.unlink()
    with pytest.raises(DataError, match=r"data\.jsonl, which is not there"):
        recorded_split(folder, "validation")
    (folder.path / "splits.json").unlink()
    with pytest.raises(DataError, match="has no record of its validation paragraphs"):
        recorded_split(folder, "validation")


def test_thresholds_and_figures_without_data(small_model: Path, small_data: Path) -> None:
    # This one was validated on a file of its own.
    found, given = retune(str(small_model), []), retune(str(small_model), [small_data])
    assert found.rows == given.rows
    assert found.document["data"] == given.document["data"]
    request = Request(small_model, (), settings=Settings(rounds=0), split="validation")
    assert evaluate_files(request).figures["data"] == [
        {"file": small_data.name, "sha256": file_hash(small_data)}
    ]
    with pytest.raises(UsageError, match="give either DATA"):
        evaluate_files(Request(small_model, ()))
