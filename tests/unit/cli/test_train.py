"""`cuoshi train`, `cuoshi thresholds` and `cuoshi model`: what they print, write and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cuoshi.classifier.cli import app
from cuoshi.classifier.errors import DataError, ModelError, UsageError
from cuoshi.classifier.modelfolder import open_model
from cuoshi.training.work import Work


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def options(tiny_base: Path, small_data: Path, small_taxonomy_file: Path) -> list[str | Path]:
    return [
        "train",
        small_data,
        "--validation",
        small_data,
        "--taxonomy",
        small_taxonomy_file,
        "--base",
        tiny_base,
        "--set",
        "overlap=keep",
        "--max-tokens",
        "32",
        "--threads",
        "1",
    ]


class TestTrain:
    def test_check_only(self, options: list[str | Path], tmp_path: Path) -> None:
        result = run(*options, "--check-only")
        assert result.exit_code == 0, result.exception
        assert "pass     rows" in result.stdout
        assert "train 48, validation 48 (as the files say); 6 without a label" in result.stdout
        assert "warning  overlap        48 texts stand in two splits" in result.stdout
        assert "0 fail" in result.stdout
        found = json.loads(run(*options, "--check-only", "--json").stdout)
        assert found["counts"]["fail"] == 0
        failing = run(*options, "--check-only", "--set", "overlap=fail")
        assert isinstance(failing.exception, DataError)
        assert "fail     overlap" in failing.stdout

    def test_from_data_to_a_labelled_text(self, options: list[str | Path], tmp_path: Path) -> None:
        out = tmp_path / "models" / "出行"
        config = tmp_path / "c.yaml"
        config.write_text(
            "epochs: 1\nbatch_size: 4\nencoder_rate: 2.0e-3\nmax_flips: 1.0\n", encoding="utf-8"
        )
        result = run(*options, "--config", config, "--epochs", "2", "--out", out, "--json")
        assert result.exit_code == 0, result.exception
        assert json.loads(result.stdout)["metrics"]["validation"]["paragraphs"] == 48
        training = json.loads((out / "training.json").read_text(encoding="utf-8"))
        assert (training["name"], training["epochs"], training["batch_size"]) == ("出行", 2.0, 4)
        assert training["window_overlap"] == 8
        assert training["effective"]["paragraphs"] == {"train": 48, "validation": 48, "test": 0}
        labelled = run("label", "--model", out, "--text", "小区封闭。", "--format", "json")
        assert labelled.exit_code == 0, labelled.exception
        assert "出行 1.0.0" in labelled.stdout
        assert not Work(out).folder.exists()

    def test_refused(self, options: list[str | Path], tmp_path: Path, small_taxonomy_file: Path) -> None:
        cases: list[tuple[list[str | Path], str]] = [
            (["train", "--out", tmp_path / "m"], "no data"),
            ([*options], "no --out"),
            ([*options, "--out", tmp_path / "m", "--resume", "--finish"], "exclude each other"),
            ([*options, "--out", tmp_path / "m", "--epochs", "0"], "epochs: Input should be greater"),
            ([*options, "--out", tmp_path / "m", "--set", "epoch=1"], "give KEY=VALUE with one of"),
            ([*options, "--out", tmp_path / "m", "--base", tmp_path / "no"], "no such folder"),
            ([*options, "--out", tmp_path / "m", "--split-column", "s"], "exclude each other"),
        ]
        for arguments, message in cases:
            result = run(*arguments)
            assert isinstance(result.exception, UsageError), arguments
            assert message in str(result.exception)
        assert list(tmp_path.iterdir()) == []

    def test_patience_0_is_never(self, options: list[str | Path], monkeypatch: pytest.MonkeyPatch) -> None:
        from cuoshi.classifier.cli.train import _config

        given = {"train": (Path("a"),), "patience": 0, "seed": 0, "bf16": False, "wide": False}
        config = _config(given, None, [], Path("models/x"))
        assert (config.patience, config.seed, config.bf16, config.name) == (None, 0, False, "x")


class TestThresholds:
    def test_dry_run_and_written(self, small_model: Path, small_data: Path, tmp_path: Path) -> None:
        model = tmp_path / "model"
        shutil.copytree(small_model, model)
        before = open_model(model).hash
        result = run("thresholds", model, small_data, "--recall", "0.9", "--dry-run")
        assert result.exit_code == 0, result.exception
        assert "closure" in result.stdout
        assert "micro-F1" in result.stdout
        assert open_model(model).hash == before
        found = json.loads(
            run("thresholds", model, small_data, "--precision", "closure=0.8", "--json").stdout
        )
        assert found["labels"]["closure"]["precision"] >= 0.8
        assert found["labels"]["treatment"]["basis"] == "kept"
        stored = open_model(model).thresholds.labels["closure"].threshold
        assert stored == found["labels"]["closure"]["threshold"]

    def test_data_with_other_labels(self, small_model: Path, tmp_path: Path) -> None:
        data = tmp_path / "d.jsonl"
        data.write_text('{"text": "晴。", "labels": ["weather"]}\n', encoding="utf-8")
        result = run("thresholds", small_model, data)
        assert isinstance(result.exception, DataError)
        assert f"{data}:1: unknown label 'weather'" in str(result.exception)


class TestModel:
    def test_list(self, small_model: Path, tmp_path: Path) -> None:
        broken = tmp_path / "broken"
        shutil.copytree(small_model, broken)
        (broken / "labels.json").write_text("{}", encoding="utf-8")
        result = run("model", "list", small_model, tmp_path)
        assert "small-model 1.0.0" in result.stdout
        assert "measures-zh 1.0.0" in result.stdout
        assert "altered or damaged" in result.stdout
        rows = json.loads(run("model", "list", small_model, "--json").stdout)
        assert [row["name"] for row in rows] == ["small-model", "measures-zh"]
        assert rows[0]["labels"] == 3

    def test_info(self, small_model: Path) -> None:
        shown = run("model", "info", small_model).stdout
        assert "2 layers, 32 wide" in shown
        assert "封闭管理" in shown
        found = json.loads(run("model", "info", small_model, "--json").stdout)
        assert found["metrics"]["validation"]["micro_f1"] > 0.9
        assert found["origin"] == "random"
        assert set(found["label_thresholds"]) == {"checkpoint", "closure", "treatment"}

    def test_verify(self, small_model: Path, tmp_path: Path) -> None:
        assert ": sound, " in run("model", "verify", small_model).stdout
        broken = tmp_path / "broken"
        shutil.copytree(small_model, broken)
        with (broken / "model.safetensors").open("ab") as stream:
            stream.write(b"x")
        result = run("model", "verify", broken)
        assert isinstance(result.exception, ModelError)
        assert "model.safetensors: differs from manifest.json" in str(result.exception)

    def test_export_needs_a_place(self, small_model: Path) -> None:
        result = run("model", "export", small_model)
        assert isinstance(result.exception, UsageError)
