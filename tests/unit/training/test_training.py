"""Data, batches, stored weights, and what a model folder says of its training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cuoshi.classifier.engines.onnx import OnnxEngine
from cuoshi.classifier.engines.torch import TorchEngine, load_network
from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.modelfolder import open_model
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.classifier.tokens import open_tokenizer
from cuoshi.classifier.weights import pack, quantise, unpack
from cuoshi.training.batches import LengthGrouped, Paragraphs, collate
from cuoshi.training.config import TrainConfig, read_config
from cuoshi.training.data import Example, join_neighbours, read_examples, targets
from cuoshi.training.train import train


def _write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_all_problems_of_the_data_at_once(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    row = {"id": "a", "text": "小区封闭。", "labels": ["closure"]}
    path = _write(
        tmp_path / "d.jsonl",
        json.dumps(row),
        json.dumps(row),
        json.dumps({**row, "id": "b", "labels": ["closing", "closure", "closure"]}),
        json.dumps({"id": "c", "text": "无"}),
        json.dumps({**row, "id": "d", "text": "  "}),
        "{not json",
        "[]",
        json.dumps({**row, "id": "e", "labels": {"closure": 1}}),
        json.dumps({**row, "id": " "}),
        json.dumps({**row, "id": ["f"]}),
        json.dumps({**row, "id": "g", "text": "封\ud800"}),
    )
    with pytest.raises(DataError) as caught:
        read_examples([path], small_taxonomy)
    message = str(caught.value)
    assert "11 problem(s)" in message
    for part in (
        f"{path}:2: id 'a' stands already at {path}:1",
        f"{path}:3: unknown label 'closing'",
        f"{path}:3: a label stands twice",
        f"{path}:4: key 'labels' is missing",
        f"{path}:5: 'text' is empty",
        f"{path}:6: not JSON",
        f"{path}:7: not a JSON object",
        f"{path}:8: 'labels' is no list",
        f"{path}:9: 'id' is empty",
        f"{path}:10: 'id' is empty or neither",
        f"{path}:11: half of a surrogate pair",
    ):
        assert part in message


def test_only_the_first_twenty_problems_are_shown(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    path = _write(tmp_path / "d.jsonl", *(["{"] * 33))
    with pytest.raises(DataError, match=r"33 problem\(s\)") as caught:
        read_examples([path], small_taxonomy)
    assert str(caught.value).count("not JSON") == 20
    assert "13 more" in str(caught.value)


def test_neighbours_join_once_and_only_within_an_article() -> None:
    examples = [
        Example(
            f"{article}{i}",
            f"{article}{i}。",
            ("closure",) if i else ("checkpoint", "closure"),
            {"article": article},
        )
        for article in "abcdefgh"
        for i in range(7)
    ]
    joined = join_neighbours([*examples, Example("x", "x", (), {})], 0.5, seed=2)
    assert "".join(e.text for e in joined) == "".join(e.text for e in examples) + "x"
    assert 25 < len(joined) < 50
    for example in joined:
        assert len({c for c in example.text if c in "abcdefgh"}) <= 1
        assert example.text.count("。") <= 2
        parts = [part for part in example.text.split("。") if part]
        expected = {label for e in examples if e.id in parts for label in e.labels}
        assert set(example.labels) == expected
    assert join_neighbours(examples, 0.0, seed=2) == examples


def test_joined_paragraphs_know_where_they_stand() -> None:
    meta = {"article": "a"}
    examples = [Example(str(n), "封。", (), meta, f"d.jsonl:{n}") for n in range(1, 4)]
    assert [e.where for e in join_neighbours(examples, 1.0, seed=1)] == ["d.jsonl:1", "d.jsonl:3"]


def test_a_file_without_paragraphs(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    path = _write(tmp_path / "d.jsonl", "", " ")
    with pytest.raises(DataError, match=r"d\.jsonl: no labelled paragraph"):
        read_examples([path], small_taxonomy)


def test_rows_without_labels_are_kept(small_data: Path, small_taxonomy: Taxonomy) -> None:
    examples = read_examples([small_data], small_taxonomy)
    array = targets(examples, small_taxonomy.ids)
    assert (array.sum(axis=1) == 0).sum() == 3
    assert examples[0].meta == {"source": "checkpoint"}


@given(st.lists(st.integers(1, 200), min_size=1, max_size=300), st.integers(1, 9))
def test_length_groups_hold_every_row_once(lengths: list[int], size: int) -> None:
    order = list(LengthGrouped(lengths, size, seed=1))
    assert sorted(order) == list(range(len(lengths)))


def test_length_groups_save_padding() -> None:
    lengths = np.random.default_rng(3).integers(5, 250, 2000).tolist()
    order = list(LengthGrouped(lengths, 16, seed=1))
    padded = sum(16 * max(lengths[i] for i in order[at : at + 16]) for at in range(0, 2000, 16))
    assert padded < 1.15 * sum(lengths)


def test_a_short_last_batch_leaves_the_others_aligned() -> None:
    lengths = [5] * 8 + [50] * 8 + [500] * 3
    order = list(LengthGrouped(lengths, 4, seed=1))
    batches = [order[at : at + 4] for at in range(0, len(order), 4)]
    assert [len(batch) for batch in batches] == [4, 4, 4, 4, 3]
    assert all(len({lengths[i] for i in batch}) == 1 for batch in batches)


def test_long_paragraphs_are_counted(tiny_base: Path, small_taxonomy: Taxonomy) -> None:
    tokenizer = open_tokenizer(tiny_base / "tokenizer.json")
    tokenizer.enable_truncation(16)
    examples = [Example("a", "小区封闭。", (), {}), Example("b", "小区封闭。" * 9, (), {})]
    paragraphs = Paragraphs(examples, tokenizer, small_taxonomy.ids)
    assert paragraphs.cut == 1
    assert paragraphs.lengths[1] == len(paragraphs.table[1]["input_ids"]) == 16


def test_collate_pads_to_the_longest() -> None:
    rows = [{"input_ids": [0, 5, 2], "labels": np.zeros(2, np.float32)}]
    rows.append({"input_ids": [0, 2], "labels": np.ones(2, np.float32)})
    batch = collate(rows)
    assert batch["input_ids"].tolist() == [[0, 5, 2], [0, 2, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["labels"].shape == (2, 2)


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_int8_rows_are_near(rows: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    widths = 10.0 ** random.integers(-3, 3, (rows, 1))
    matrix = (random.normal(0, 1, (rows, columns)) * widths).astype(np.float32)
    values, scales = quantise(matrix)
    error = np.abs(values * scales[:, None] - matrix)
    assert (error <= scales[:, None] * 0.5001).all()


def test_int8_graph_agrees_with_the_weights(small_model: Path) -> None:
    folder = open_model(small_model)
    random = np.random.default_rng(5)
    rows = [random.integers(4, folder.config.vocab_size - 1, n).astype(np.int64) for n in (2, 3, 17, 32)]
    exact = TorchEngine(load_network(small_model / "model.safetensors", folder.config, 3)).scores(rows)
    quantised = OnnxEngine(small_model / "model.int8.onnx").scores(rows)
    assert np.abs(exact - quantised).max() < 0.05
    assert np.abs(exact - quantised).mean() < 0.01


def test_stored_weights_give_the_network_back(small_model: Path) -> None:
    folder = open_model(small_model)
    network = load_network(small_model / "model.safetensors", folder.config, 3)
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    again = unpack(pack(state, folder.config.num_hidden_layers))
    assert again.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_allclose(again[name], value, rtol=1e-5, atol=1e-7, err_msg=name)


def test_padding_does_not_change_the_network(small_model: Path) -> None:
    folder = open_model(small_model)
    network = load_network(small_model / "model.safetensors", folder.config, 3)
    ids = torch.tensor([[0, 9, 12, 2]])
    padded = torch.tensor([[0, 9, 12, 2, 1, 1, 1]])
    with torch.inference_mode():
        torch.testing.assert_close(network(ids), network(padded), atol=1e-5, rtol=1e-4)


def test_a_model_says_how_it_was_made(small_model: Path) -> None:
    training = json.loads((small_model / "training.json").read_text(encoding="utf-8"))
    assert training["encoder_rate"] == 2e-3
    assert training["base_origin"] == "random"
    assert list(training["base_sha256"]) == ["model.safetensors"]
    assert list(training["versions"]) == ["torch", "transformers", "datasets", "accelerate"]
    assert training["effective"]["bf16"] is False
    data = training["data_sha256"][training["validation"][0]]
    assert json.loads((small_model / "thresholds.json").read_text(encoding="utf-8"))["data"] == data
    tokenizer = json.loads((small_model / "tokenizer.json").read_text(encoding="utf-8"))
    assert tokenizer["truncation"] is None
    assert not small_model.with_name("small-model.work").exists()
    metrics = json.loads((small_model / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["validation"]["micro_f1"] > 0.95
    assert metrics["int8"]["flips"] <= 0.05
    card = (small_model / "README.md").read_text(encoding="utf-8")
    assert "small-model" in card
    assert "`closure` | 封闭管理" in card


def test_the_same_seed_gives_the_same_model(small_config: TrainConfig, tmp_path: Path) -> None:
    short = small_config.model_copy(update={"epochs": 2.0})
    for name in ("one", "two"):
        train(short, tmp_path / name)
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_config_errors_name_the_key(tmp_path: Path) -> None:
    path = _write(tmp_path / "c.yaml", "name: x", "base: y", "train: [a]", "validation: [b]", "epoch: 3")
    with pytest.raises(UsageError, match="epoch: Extra inputs"):
        read_config(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_config(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="not YAML"):
        read_config(_write(tmp_path / "d.yaml", "a: ["))
    (tmp_path / "e.yaml").write_bytes("name: 模型".encode("gb18030"))
    with pytest.raises(UsageError, match="not UTF-8"):
        read_config(tmp_path / "e.yaml")
    good = ("name: x", "base: y", "train: [a]", "validation: [b]")
    with pytest.raises(UsageError, match="train: Tuple should have at least 1 item"):
        read_config(_write(tmp_path / "f.yaml", "name: x", "base: y", "train: []", "validation: [b]"))
    with pytest.raises(UsageError, match=r"window_overlap 30 must be below 30 \(max_tokens - 2\)"):
        read_config(_write(tmp_path / "g.yaml", *good, "max_tokens: 32", "window_overlap: 30"))
    assert read_config(_write(tmp_path / "h.yaml", *good, "max_tokens: 32", "window_overlap: 29")).seed == 1
