"""What training refuses, where it writes, and that the exported network is the trained one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from cuoshi.classifier.errors import DataError, ModelError, UsageError
from cuoshi.classifier.modelfolder import open_model
from cuoshi.classifier.predict import Classifier
from cuoshi.training.base import base_origin, find_base
from cuoshi.training.card import NOTES
from cuoshi.training.config import TrainConfig
from cuoshi.training.data import Example
from cuoshi.training.evaluate import score_examples
from cuoshi.training.export import plain_network
from cuoshi.training.model import TrainableClassifier, load_encoder
from cuoshi.training.parts import check_replaceable, fresh_part, put_in_place, write_text
from cuoshi.training.train import Start, is_model, train


def _copy_with(base: Path, folder: Path, **values: object) -> Path:
    """A copy of a base whose config has other values."""
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **values}), encoding="utf-8")
    return folder


class TestOut:
    def test_something_else_is_never_replaced(self, small_config: TrainConfig, tmp_path: Path) -> None:
        (tmp_path / "letter.txt").write_text("别删我", encoding="utf-8")
        with pytest.raises(UsageError, match="exists and is no model folder; choose another --out"):
            train(small_config, tmp_path)
        with pytest.raises(UsageError, match="exists and is no model folder"):
            train(small_config, tmp_path / "letter.txt")
        for nameless in (Path(), Path("..")):
            with pytest.raises(UsageError, match="has no name"):
                train(small_config, nameless)
        assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]

    def test_a_new_or_empty_folder_is_taken(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        for name in ("empty", "new"):
            check_replaceable(tmp_path / name, "model folder", is_model)

    def test_in_place_of_the_old(self, tmp_path: Path) -> None:
        out = tmp_path / "model"
        for text in ("one", "two"):
            part = fresh_part(out)
            write_text(part / "a.txt", text)
            put_in_place(part, out)
        assert (out / "a.txt").read_text(encoding="utf-8") == "two"
        assert [path.name for path in tmp_path.iterdir()] == ["model"]
        assert [path.name for path in out.iterdir()] == ["a.txt"]

    def test_notes_are_kept(self, small_config: TrainConfig, small_model: Path, tmp_path: Path) -> None:
        out = tmp_path / "model"
        shutil.copytree(small_model, out)
        (out / NOTES).write_text("卡片里的一段说明。", encoding="utf-8")
        for start in (Start(), Start(resume=True)):
            with pytest.raises(UsageError, match="a finished model; replace it with --restart"):
                train(small_config, out, start)
        train(small_config, out, Start(restart=True))
        open_model(out)
        assert (out / NOTES).is_file()
        assert "卡片里的一段说明。" in (out / "README.md").read_text(encoding="utf-8")


class TestBase:
    def test_no_such_folder(self, tmp_path: Path) -> None:
        for name in (str(tmp_path / "none"), "./none", "tests/none", "a/b/c"):
            with pytest.raises(UsageError, match=r"no such folder; make it with python -m cuoshi\.training"):
                find_base(name)

    def test_a_hub_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> str:
            raise ConnectionError("no\nnetwork")

        monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
        with pytest.raises(UsageError, match=r"someone/some-bert: no such folder, .* \(no network\)"):
            find_base("someone/some-bert")

    def test_origin(self, tiny_base: Path) -> None:
        assert find_base(str(tiny_base)) == tiny_base
        assert base_origin(tiny_base, "x", None) == "random"

    @pytest.mark.parametrize(("key", "value"), [("model_type", "roberta"), ("hidden_act", "relu")])
    def test_not_the_encoder_that_is_exported(
        self, tiny_base: Path, tmp_path: Path, key: str, value: str
    ) -> None:
        folder = _copy_with(tiny_base, tmp_path / "base", **{key: value})
        with pytest.raises(ModelError, match=f"'{value}'"):
            load_encoder(folder)

    def test_weights_that_are_missing(self, tiny_base: Path, tmp_path: Path) -> None:
        folder = _copy_with(tiny_base, tmp_path / "base", num_hidden_layers=3)
        with pytest.raises(ModelError, match="weights are missing, such as"):
            load_encoder(folder)


class TestFit:
    def test_more_tokens_than_the_base_reads(self, small_config: TrainConfig, tmp_path: Path) -> None:
        config = small_config.model_copy(update={"max_tokens": 65})
        with pytest.raises(UsageError, match="reads at most 64"):
            train(config, tmp_path / "model")

    def test_no_label_to_choose_by(self, small_config: TrainConfig, tmp_path: Path) -> None:
        few = tmp_path / "few.jsonl"
        rows = [{"id": n, "text": "小区封闭。", "labels": ["closure"] if n < 4 else []} for n in range(9)]
        few.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        config = small_config.model_copy(update={"validation": (few,)})
        with pytest.raises(DataError, match="no label has 5 positive validation paragraphs to choose by"):
            train(config, tmp_path / "model")

    def test_a_loss_that_is_no_number(self, small_config: TrainConfig, tmp_path: Path) -> None:
        config = small_config.model_copy(update={"encoder_rate": 1e38, "head_rate": 1e38, "epochs": 1.0})
        with pytest.raises(ModelError, match=r"the loss is not a number at step \d+; lower encoder_rate"):
            train(config, tmp_path / "model")


def test_the_plain_network_is_the_trained_one(small_model: Path, tiny_base: Path) -> None:
    torch.manual_seed(1)
    trained = TrainableClassifier(load_encoder(tiny_base), 3).eval()
    config = open_model(small_model).config
    ids = torch.tensor([[0, 9, 12, 7, 2], [0, 5, 2, 1, 1]])
    with torch.inference_mode():
        expected = trained(ids, (ids != 1).long())["logits"]
        torch.testing.assert_close(plain_network(trained, config, 3)(ids), expected, atol=1e-5, rtol=1e-4)


def test_validation_reads_all_windows(small_model: Path) -> None:
    classifier = Classifier.load(small_model)
    long = "今天天气晴。" * 12 + "医院收治了三名病人。"
    scored = classifier.score([long])
    assert scored[0].windows > 1
    tokenizer = classifier._tokenizer
    tokenizer.no_truncation()
    scores = score_examples(
        Classifier(classifier.folder, tokenizer, classifier._engine), [Example("a", long, (), {})]
    )
    np.testing.assert_array_equal(scores[0], scored[0].scores)
