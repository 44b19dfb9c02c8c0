"""Fixtures: a small taxonomy, a tiny encoder with random weights, and a model folder trained on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.config import TrainConfig
from cuoshi.training.encoder import write_base
from cuoshi.training.source import Source

SHARED = Path(__file__).resolve().parents[2] / "shared"

TAXONOMY = """\
name: small
version: 0.1.0
groups:
  - {id: movement, name: {zh: 出行, en: Movement}, color: blue}
  - {id: care, name: {zh: 医疗, en: Care}, color: green}
labels:
  - {id: checkpoint, group: movement, name: {zh: 设卡检查, en: Checkpoints}}
  - {id: closure, group: movement, name: {zh: 封闭管理, en: Closure}}
  - {id: treatment, group: care, name: {zh: 医疗救治, en: Treatment}}
"""

SENTENCES = {
    "checkpoint": ["镇口设了卡点,过往车辆逐一检查。", "高速出口昼夜查验车辆。", "村口有人值守,劝返外来车。"],
    "closure": ["小区从今晚起封闭,只留一个门。", "全村封闭七天。", "这栋楼已封闭,居民不出户。"],
    "treatment": ["医院收治了三名病人。", "发热门诊全天开放。", "医生上门给老人看病。"],
    "": ["今天天气晴。", "桥是去年修好的。", "他说,日子总要过。"],
}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the checkout; the test is skipped where they are not."""
    if not SHARED.is_dir():
        pytest.skip("needs the development data beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def small_taxonomy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("taxonomy") / "small.yaml"
    path.write_text(TAXONOMY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_taxonomy(small_taxonomy_file: Path) -> Taxonomy:
    return load_taxonomy(small_taxonomy_file)


def tiny_source(layers: int = 2, hidden: int = 32) -> Source:
    """A BERT with random weights over the characters of :data:`SENTENCES`."""
    random = np.random.default_rng(7)
    characters = sorted({c for group in SENTENCES.values() for sentence in group for c in sentence})
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *characters, "<mask>"]
    inner = 2 * hidden

    def weight(*shape: int) -> np.ndarray:
        return random.normal(0, 0.08, shape).astype(np.float32)

    def norm(name: str) -> dict[str, np.ndarray]:
        return {
            f"{name}.weight": np.ones(hidden, dtype=np.float32),
            f"{name}.bias": np.zeros(hidden, dtype=np.float32),
        }

    def linear(name: str, out: int, into: int) -> dict[str, np.ndarray]:
        return {f"{name}.weight": weight(out, into), f"{name}.bias": weight(out)}

    tensors = {
        "embeddings.word_embeddings.weight": weight(len(pieces), hidden),
        "embeddings.position_embeddings.weight": weight(64, hidden),
        "embeddings.token_type_embeddings.weight": weight(2, hidden),
        **norm("embeddings.LayerNorm"),
    }
    for number in range(layers):
        stem = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            tensors |= linear(f"{stem}.attention.self.{part}", hidden, hidden)
        tensors |= linear(f"{stem}.attention.output.dense", hidden, hidden)
        tensors |= norm(f"{stem}.attention.output.LayerNorm")
        tensors |= linear(f"{stem}.intermediate.dense", inner, hidden)
        tensors |= linear(f"{stem}.output.dense", hidden, inner)
        tensors |= norm(f"{stem}.output.LayerNorm")
    config = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "intermediate_size": inner,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
    }
    scores = np.array([0.0] * 4 + [-5.0] * (len(pieces) - 5) + [0.0], dtype=np.float32)
    return Source(config, pieces, scores, tensors)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    write_base(tiny_source(), folder, "random")
    return folder


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled paragraphs of one or two sentences."""
    path = tmp_path_factory.mktemp("data") / "data.jsonl"
    rows = []
    for first, sentences in SENTENCES.items():
        for second, others in SENTENCES.items():
            for a, b in zip(sentences, others, strict=True):
                labels = sorted({label for label in (first, second) if label})
                text = a if first == second else a + b
                rows.append(
                    {"id": f"r{len(rows)}", "text": text, "labels": labels, "source": first or "none"}
                )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_config(tiny_base: Path, small_data: Path, small_taxonomy_file: Path) -> TrainConfig:
    return TrainConfig(
        name="small-model",
        base=str(tiny_base),
        taxonomy=small_taxonomy_file,
        train=(small_data,),
        validation=(small_data,),
        epochs=12,
        batch_size=4,
        encoder_rate=2e-3,
        head_rate=5e-3,
        max_tokens=32,
        window_overlap=8,
        bf16=False,
        overlap="keep",
        threads=1,
    )


@pytest.fixture(scope="session")
def small_model(small_config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder made by the project's own training in a few seconds."""
    from cuoshi.training.train import train

    out = tmp_path_factory.mktemp("models") / "small-model"
    train(small_config, out)
    return out
