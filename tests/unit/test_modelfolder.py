"""A folder opens only when every file is what the manifest says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cuoshi.classifier import modelfolder
from cuoshi.classifier.errors import ModelError
from cuoshi.classifier.modelfolder import open_model, write_manifest
from cuoshi.classifier.predict import Classifier


@pytest.fixture
def folder(small_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_model, tmp_path / "model"))


def test_opens(folder: Path) -> None:
    model = open_model(folder)
    assert model.labels.ids == ("checkpoint", "closure", "treatment")
    assert model.config.name == "small-model"
    assert model.labels.labels[0].name_in("zh") == "设卡检查"
    assert model.labels.labels[0].name_in("fr") == "设卡检查"


@pytest.mark.parametrize(
    "name", ["model.int8.onnx", "model.safetensors", "tokenizer.json", "thresholds.json", "README.md"]
)
def test_a_changed_byte_is_found(folder: Path, name: str) -> None:
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=rf"{name}.*differs from manifest"):
        open_model(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json: missing"):
        open_model(folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        open_model(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"manifest\.json: missing"):
        open_model(tmp_path)


def test_an_extra_file_is_named_but_not_a_hidden_one(folder: Path) -> None:
    (folder / ".DS_Store").write_bytes(b"x")
    open_model(folder)
    (folder / "extra.py").write_text("x = 1", encoding="utf-8")
    with pytest.raises(ModelError, match=r"not in manifest\.json: extra\.py"):
        open_model(folder)


def test_a_manifest_must_name_what_is_needed(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    write_manifest(folder)
    with pytest.raises(ModelError, match=r"does not name tokenizer\.json"):
        open_model(folder)


def test_a_label_needs_its_group(folder: Path) -> None:
    path = folder / "labels.json"
    labels = json.loads(path.read_text(encoding="utf-8"))
    del labels["groups"][0]
    path.write_text(json.dumps(labels), encoding="utf-8")
    write_manifest(folder)
    with pytest.raises(ModelError, match="label 'checkpoint': its group 'movement' is missing"):
        open_model(folder)


def test_the_graph_has_a_score_a_label(folder: Path) -> None:
    for name in ("labels.json", "thresholds.json"):
        path = folder / name
        value = json.loads(path.read_text(encoding="utf-8"))
        if name == "labels.json":
            del value["labels"][2]
        else:
            del value["labels"]["treatment"]
        path.write_text(json.dumps(value), encoding="utf-8")
    write_manifest(folder)
    with pytest.raises(ModelError, match=r"gives 3 scores, but labels\.json has 2 labels"):
        Classifier.load(folder)


def test_a_folder_in_place_of_a_file(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()
    with pytest.raises(ModelError, match=r"manifest\.json: cannot be read"):
        open_model(folder)


@pytest.mark.parametrize("name", ["", "防控" * 3000])
def test_odd_names(name: str) -> None:
    with pytest.raises(ModelError, match=r"^.{1,60}: no such model folder; give the path of one"):
        open_model(name)


def test_no_model_is_shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(modelfolder, "shipped_models", lambda: tmp_path)
    with pytest.raises(ModelError, match=r"give the path of one$"):
        open_model()


def test_a_manifest_cannot_point_outside(folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"]["../secret"] = {"sha256": "0" * 64, "bytes": 1}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ModelError, match="not a plain file name"):
        open_model(folder)


def test_thresholds_of_other_labels_are_refused(folder: Path) -> None:
    path = folder / "thresholds.json"
    thresholds = json.loads(path.read_text(encoding="utf-8"))
    thresholds["labels"] = dict(reversed(thresholds["labels"].items()))
    path.write_text(json.dumps(thresholds), encoding="utf-8")
    write_manifest(folder)
    with pytest.raises(ModelError, match="other labels or in another order"):
        open_model(folder)


def test_broken_json_is_named(folder: Path) -> None:
    (folder / "config.json").write_text('{"format": 1}', encoding="utf-8")
    write_manifest(folder)
    with pytest.raises(ModelError, match=r"config\.json: name: Field required"):
        open_model(folder)


def test_no_pickle_in_the_folder(folder: Path) -> None:
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".safetensors", ".onnx", ".md"}
