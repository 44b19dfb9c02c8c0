"""Losses, calibration, wanted thresholds, and bases of other kinds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import BertConfig, BertModel, TrainingArguments

from cuoshi.classifier.engines.onnx import OnnxEngine
from cuoshi.classifier.engines.torch import TorchEngine, load_network
from cuoshi.classifier.errors import DataError, MissingExtraError, ModelError, UsageError
from cuoshi.classifier.modelfolder import open_model
from cuoshi.classifier.predict import Classifier
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training import fitting
from cuoshi.training.base import base_config, base_origin, base_tokenizer, find_base
from cuoshi.training.calibrate import Calibration, fit_calibration, logits, sigmoid
from cuoshi.training.config import TrainConfig, make_config, read_values, settings
from cuoshi.training.data import read_examples
from cuoshi.training.device import hold_memory, use_bf16
from cuoshi.training.fitting import ParagraphTrainer, epochs_between, pieces
from cuoshi.training.losses import LabelLoss, positive_weights
from cuoshi.training.metrics import calibration_error
from cuoshi.training.model import TrainableClassifier, load_encoder
from cuoshi.training.outside import export_model
from cuoshi.training.retune import retune, write_thresholds
from cuoshi.training.train import Start, train
from cuoshi.training.wanted import choose, figures, missed, parse_wanted, reach


def _loss(config: TrainConfig, **values: object) -> LabelLoss:
    return LabelLoss(config.model_copy(update=values), np.zeros((4, 3), dtype=np.float32))


class TestLosses:
    def test_the_plain_one_is_cross_entropy(self, small_config: TrainConfig) -> None:
        torch.manual_seed(1)
        values, truth = torch.randn(5, 3), (torch.rand(5, 3) > 0.5).float()
        expected = functional.binary_cross_entropy_with_logits(values, truth)
        torch.testing.assert_close(_loss(small_config)(values, truth), expected)
        # Without their exponents and margin the others are the same.
        focal = _loss(small_config, loss="focal", focal_gamma=0.0)
        torch.testing.assert_close(focal(values, truth), expected)
        asymmetric = _loss(small_config, loss="asymmetric", negative_gamma=0.0, margin=0.0)
        torch.testing.assert_close(asymmetric(values, truth), expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("name", ["bce", "focal", "asymmetric"])
    def test_gradients_are_numbers_at_the_edges(self, small_config: TrainConfig, name: str) -> None:
        values = torch.tensor([[-80.0, 80.0, 0.0], [80.0, -80.0, 1e-9]], requires_grad=True)
        loss = _loss(small_config, loss=name, smoothing=0.05)(values, torch.eye(3)[:2])
        loss.backward()
        assert torch.isfinite(loss)
        assert values.grad is not None
        assert torch.isfinite(values.grad).all()

    def test_easy_negatives_count_less(self, small_config: TrainConfig) -> None:
        easy, none = torch.full((1, 3), -4.0), torch.zeros(1, 3)
        plain = _loss(small_config)(easy, none)
        assert _loss(small_config, loss="focal")(easy, none) < plain / 100
        assert _loss(small_config, loss="asymmetric")(easy, none) == 0

    def test_weights_of_positives(self, small_config: TrainConfig) -> None:
        targets = np.zeros((100, 3), dtype=np.float32)
        targets[:50, 0] = targets[:10, 1] = 1
        balanced = small_config.model_copy(update={"positive_weight": "balanced"})
        assert positive_weights(balanced, targets).tolist() == [1.0, 3.0, pytest.approx(100**0.5)]
        three = small_config.model_copy(update={"positive_weight": 3.0})
        assert positive_weights(three, targets).tolist() == [3.0] * 3
        values = torch.zeros(1, 3)
        heavy = LabelLoss(three, targets)(values, torch.ones(1, 3))
        assert heavy == pytest.approx(3 * np.log(2))
        assert not LabelLoss(three, targets).state_dict()


class TestCalibration:
    def test_it_undoes_a_scale_and_a_shift(self) -> None:
        random = np.random.default_rng(3)
        chance = random.uniform(0.02, 0.98, (4000, 3))
        gold = random.random(chance.shape) < chance
        skewed = sigmoid(3 * logits(chance.astype(np.float32)) + 1).astype(np.float32)
        found = fit_calibration(skewed, gold)
        assert found.scale == pytest.approx(1 / 3, abs=0.03)
        assert found.shift == pytest.approx(-1 / 3, abs=0.06)
        assert found.after < 0.02 < found.before
        assert calibration_error(found.scores(skewed).astype(np.float64), gold) == pytest.approx(found.after)

    def test_what_is_calibrated_stays(self) -> None:
        gold = np.array([[True, False]] * 40)
        scores = np.where(gold, 1.0, 0.0).astype(np.float32)
        found = fit_calibration(scores, gold)
        assert not found.changes
        assert found.scores(scores) is scores

    def test_separable_data_do_not_call_for_certainty(self) -> None:
        gold = np.zeros((50, 2), dtype=bool)
        gold[:20] = True
        found = fit_calibration(np.where(gold, 0.6, 0.4).astype(np.float32), gold)
        assert found.scale < 15
        assert found.after < found.before

    def test_the_head_takes_it(self, small_model: Path) -> None:
        metrics = json.loads((small_model / "metrics.json").read_text(encoding="utf-8"))
        found = Calibration(**metrics["calibration"])
        assert found.after <= found.before
        assert metrics["validation"]["calibration_error"] == pytest.approx(found.after, abs=0.01)


class TestWantedThresholds:
    gold = np.array([True, True, True, True, False, False, False, False])
    scores = np.array([0.9, 0.8, 0.6, 0.3, 0.7, 0.4, 0.2, 0.1], dtype=np.float32)

    def test_recall(self) -> None:
        three = reach(self.scores, self.gold, parse_wanted("recall", "0.75", ()))
        assert three == pytest.approx(0.6, abs=1e-3)
        assert figures(self.scores, self.gold, three or 0)[:2] == (0.75, 0.75)
        assert reach(self.scores, self.gold, parse_wanted("recall", "1", ())) == pytest.approx(0.3, abs=1e-3)

    def test_nothing_is_given_away(self) -> None:
        apart = np.where(self.gold, 0.9, 0.1).astype(np.float32) - self.scores / 100
        found = reach(apart, self.gold, parse_wanted("recall", "0.5", ()))
        assert figures(apart, self.gold, found or 0) == (1.0, 1.0, 1.0)

    def test_precision(self) -> None:
        sure = reach(self.scores, self.gold, parse_wanted("precision", "1", ()))
        assert figures(self.scores, self.gold, sure or 0)[:2] == (1.0, 0.5)
        assert reach(self.scores, ~self.gold, parse_wanted("precision", "0.9", ())) is None

    def test_rare_labels_share_and_others_keep(self) -> None:
        random = np.random.default_rng(3)
        gold = np.zeros((300, 3), dtype=bool)
        gold[:90, 0] = gold[100:130, 1] = gold[200:206, 2] = True
        scores = (np.where(gold, 0.6, 0.3) + random.uniform(-0.25, 0.25, gold.shape)).astype(np.float32)
        current = {"a": 0.5, "b": 0.5, "c": 0.5}
        _, rows = choose(scores, gold, current, [parse_wanted("recall", "0.9", tuple(current))])
        assert [row.basis for row in rows] == ["own", "own", "shared"]
        assert all(row.figures_after[1] >= 0.9 for row in rows[:2])
        _, rows = choose(scores, gold, current, [parse_wanted("precision", "b=0.95", tuple(current))])
        assert [row.basis for row in rows] == ["kept", "own", "kept"]
        assert rows[0].after == 0.5
        assert rows[1].figures_after[0] >= 0.95
        assert missed(rows, [parse_wanted("precision", "b=0.95", tuple(current))]) == []
        all_of_all = [parse_wanted("precision", "1", tuple(current))]
        _, rows = choose(np.where(gold, scores, 0.99).astype(np.float32), gold, current, all_of_all)
        assert [text.split()[0] for text in missed(rows, all_of_all)] == ["a", "b", "c"]
        _, rows = choose(scores, gold, current, [])
        assert [row.basis for row in rows] == ["own", "own", "shared"]

    def test_what_cannot_be_meant(self) -> None:
        for text in ("0", "1.5", "x", "a=", "=0.5"):
            with pytest.raises(UsageError, match=r"--recall"):
                parse_wanted("recall", text, ("a",))
        with pytest.raises(UsageError, match="the model has no label 'b'; it has a"):
            parse_wanted("precision", "b=0.5", ("a",))

    def test_into_the_folder(self, small_model: Path, small_data: Path, tmp_path: Path) -> None:
        model = tmp_path / "model"
        shutil.copytree(small_model, model)
        before = open_model(model).hash
        found = retune(str(model), [small_data], recall=["closure=1"])
        assert open_model(model).hash == before
        write_thresholds(found)
        folder = open_model(model)
        assert folder.hash != before
        entry = json.loads((model / "thresholds.json").read_text(encoding="utf-8"))
        assert entry["method"].startswith("wanted: recall 1 for closure")
        assert entry["labels"]["closure"]["recall"] == 1.0
        assert len(entry["data"]) == 64
        assert entry["date"]
        assert f"{folder.thresholds.labels['closure'].threshold:.3f}" in (model / "README.md").read_text(
            "utf-8"
        )
        card = (model / "README.md").read_text("utf-8")
        assert "**The thresholds were chosen again after these figures were measured**" in card
        assert "recall 1 for closure" in card
        assert not model.with_name("model.part").exists()

    def test_refused(
        self, small_model: Path, small_data: Path, small_taxonomy_file: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(UsageError, match="two wishes for all labels"):
            retune(str(small_model), [small_data], recall=["0.9"], precision=["0.9"])
        none = tmp_path / "none.jsonl"
        none.write_text('{"text": "晴。", "labels": []}\n', encoding="utf-8")
        with pytest.raises(DataError, match="no paragraph has a label"):
            retune(str(small_model), [none])
        changed = tmp_path / "changed.yaml"
        changed.write_text(
            small_taxonomy_file.read_text("utf-8").replace("设卡检查", "卡点检查"), encoding="utf-8"
        )
        with pytest.raises(DataError, match="was made with another taxonomy"):
            retune(str(small_model), [small_data], taxonomy=changed)


def _wordpiece_base(folder: Path, characters: str, old: bool) -> Path:
    """A BERT with a WordPiece vocabulary as Chinese ones are: [PAD] is 0; no curly quotes, no ellipsis."""
    names = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", '"', ".", ",", "。", "，"]
    pieces = list(dict.fromkeys([*names, *sorted(set(characters) - set("“”… "))]))
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    torch.manual_seed(7)
    shape = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    model = BertModel(shape)
    model.save_pretrained(str(folder))
    if old:  # as repositories from before safetensors have it
        names_of_old = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma"): value
            for name, value in model.state_dict().items()
        }
        torch.save(
            {f"bert.{name}": value for name, value in names_of_old.items()}, folder / "pytorch_model.bin"
        )
        (folder / "model.safetensors").unlink()
    return folder


class TestOtherBases:
    @pytest.mark.parametrize("old", [False, True])
    def test_a_wordpiece_bert(
        self, small_config: TrainConfig, small_data: Path, tmp_path: Path, old: bool
    ) -> None:
        base = _wordpiece_base(tmp_path / "bert", small_data.read_text("utf-8").replace("\n", ""), old)
        config = small_config.model_copy(update={"base": str(base), "epochs": 3.0, "max_flips": 1.0})
        out = tmp_path / "model"
        train(config, out)
        folder = open_model(out)
        assert folder.config.pad_id == 0
        classifier = Classifier.load(out)
        assert classifier.score(["小区封闭XYZ"])[0].unknown > 0
        # Alone or in a padded batch, with either engine.
        texts = ["小区封闭。", "全村封闭七天，只留一个门，居民不出户。"]
        rows = [np.array(base_tokenizer(base).encode(text).ids, dtype=np.int64) for text in texts]
        assert (rows[0][0], rows[0][-1]) == (3, 4)
        engine = TorchEngine(load_network(out / "model.safetensors", folder.config, 3))
        together, alone = engine.scores(rows), np.concatenate([engine.scores([row]) for row in rows])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        assert np.abs(OnnxEngine(out / "model.int8.onnx").scores(rows) - together).max() < 0.05

    def test_signs_that_a_vocabulary_lacks(self, tmp_path: Path) -> None:
        tokenizer = base_tokenizer(_wordpiece_base(tmp_path / "bert", "封闭", False))
        assert tokenizer.encode("“封闭”……").tokens == ["[CLS]", '"', "封", "闭", '"', *["."] * 6, "[SEP]"]

    def test_a_model_folder(self, small_model: Path, small_taxonomy: Taxonomy) -> None:
        assert find_base(str(small_model)) == small_model
        assert base_config(small_model)["pad_token_id"] == 1
        assert base_origin(small_model, "x", None).startswith("the encoder of small-model 1.0.0")
        folder = open_model(small_model)
        network = load_network(small_model / "model.safetensors", folder.config, 3)
        state = load_encoder(small_model).state_dict()
        torch.testing.assert_close(state["embeddings.word_embeddings.weight"], network.words.weight.data)

    def test_the_shipped_model_by_default(self) -> None:
        config = make_config({"name": "x", "train": ["a.jsonl"]}, "test")
        assert find_base(config.base).name == "measures-zh"

    def test_no_base_at_all(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text("{}", encoding="utf-8")
        with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
            find_base(str(tmp_path))


class TestExport:
    @pytest.mark.parametrize("form", ["transformers", "onnx"])
    def test_scores_are_the_same(self, small_model: Path, tmp_path: Path, form: str) -> None:
        out = tmp_path / "export"
        for _ in range(2):  # the second time in place of the first
            assert export_model(str(small_model), out, form) < 1e-4
        names = {path.name for path in out.iterdir()}
        assert {"README.md", "labels.json", "thresholds.json", "tokenizer.json"} <= names
        assert ("head.safetensors" in names) == (form == "transformers")

    def test_nothing_else_is_replaced(self, small_model: Path) -> None:
        with pytest.raises(UsageError, match="exists and is no export of a model"):
            export_model(str(small_model), small_model, "onnx")


def test_learning_with_every_setting(small_config: TrainConfig, small_data: Path, tmp_path: Path) -> None:
    """Accumulation, checkpointing, a test split, smoothing and a weight run through to a model."""
    config = small_config.model_copy(
        update={
            "validation": (),
            "validation_share": 0.3,
            "test_share": 0.3,
            "epochs": 2.0,
            "accumulation": 2,
            "checkpointing": True,
            "loss": "asymmetric",
            "positive_weight": "balanced",
            "smoothing": 0.01,
            "max_flips": 1.0,
        }
    )
    train(config, tmp_path / "model")
    splits = json.loads((tmp_path / "model" / "splits.json").read_text(encoding="utf-8"))
    assert splits["method"] == "made"
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test"]["paragraphs"] == len(splits["test"]) > 0
    everything = [*splits["train"], *splits["validation"], *splits["test"]]
    assert len(set(everything)) == len(everything) == 48


def test_settings_in_pairs() -> None:
    found = settings(
        ["epochs=3", "positive_weight=balanced", "version=1.10", "bf16=false", "encoder_rate=2e-4"]
    )
    config = make_config({"name": "x", "train": ["a"], **found}, "test")
    assert (config.epochs, config.positive_weight, config.version) == (3.0, "balanced", "1.10")
    assert (config.bf16, config.encoder_rate) == (False, 2e-4)
    for wrong in ("epochs", "epoch=3", "epochs=[3"):
        with pytest.raises(UsageError, match="--set"):
            settings([wrong])
    with pytest.raises(UsageError, match="exclude each other"):
        make_config({"name": "x", "train": ["a"], "validation": ["b"], "split_column": "s"}, "test")


def test_the_device(small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    auto = small_config.model_copy(update={"bf16": "auto"})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for features, expected in (({"avx512_bf16": True}, True), ({"avx512_f": True}, False), ({}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=features: found, raising=False)
        assert use_bf16(auto) is expected
    assert use_bf16(small_config) is False
    assert hold_memory() in (True, False)


class _Lengths:
    def __init__(self, *lengths: int) -> None:
        self.lengths = list(lengths)


@pytest.mark.parametrize(("held", "epochs"), [(10, 1), (30, 1), (60, 2), (100, 3)])
def test_evaluation_takes_a_tenth_of_the_time(held: int, epochs: int) -> None:
    assert epochs_between(_Lengths(100), _Lengths(held)) == epochs  # type: ignore[arg-type]


def test_examples_from_a_model(small_model: Path, small_data: Path) -> None:
    assert read_examples([small_data], open_model(small_model).labels)


def _row(name: str) -> str:
    field = TrainConfig.model_fields[name]
    value = field.default
    shown = "–" if value in (None, ()) else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    return f"| `{name}` | {'required' if field.is_required() else shown} | {field.description} |"


def test_the_page_lists_every_setting() -> None:
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    listed = page.partition("## All settings")[2].strip().split("\n| key | default | |\n|---|---|---|\n")[1]
    assert listed.split("\n") == [_row(name) for name in TrainConfig.model_fields]


def test_the_examples_of_configs_are_valid() -> None:
    import cuoshi.training

    files = sorted((Path(cuoshi.training.__file__).parent / "configs").glob("*.yaml"))
    assert len(files) >= 3
    for file in files:
        make_config({"name": "x", "train": ["a.jsonl"], **read_values(file)}, str(file))


def test_tensorboard(small_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    config = small_config.model_copy(
        update={"tensorboard": tmp_path / "log", "epochs": 1.0, "max_flips": 1.0}
    )
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "torch.utils.tensorboard", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'cuoshi\[tensorboard\]'"):
            train(config, tmp_path / "model")
    pytest.importorskip("tensorboard")
    train(config, tmp_path / "model", Start(restart=True))
    assert list((tmp_path / "log").glob("events.out.tfevents.*"))


def test_a_batch_in_pieces_gives_the_same_gradient(
    tiny_base: Path, small_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    network = TrainableClassifier(load_encoder(tiny_base), 3)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to="none")
    trainer = ParagraphTrainer(small_config, [], model=network, args=arguments)
    trainer.create_optimizer()
    trainer.current_gradient_accumulation_steps = 1
    ids = torch.randint(4, 60, (7, 20))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.eye(7)[:, :3]}
    assert [len(piece["labels"]) for piece in pieces(batch, 60)] == [2, 2, 3]
    assert [len(piece["labels"]) for piece in pieces(batch, 10)] == [1] * 7
    found = []
    for limit in (10_000, 60):
        monkeypatch.setattr(fitting, "TOKENS_AT_ONCE", limit)
        network.zero_grad()
        loss = trainer.training_step(network, batch)
        found.append((loss.item(), network.head.weight.grad.clone()))  # type: ignore[union-attr]
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-6)
