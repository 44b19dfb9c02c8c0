"""From a trained network to a complete model folder: weights, int8 graph, thresholds, metrics, manifest."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor

from cuoshi.classifier.engines import Scores, TokenIds
from cuoshi.classifier.engines.onnx import OnnxEngine
from cuoshi.classifier.engines.torch import TorchEngine, load_network
from cuoshi.classifier.errors import ModelError
from cuoshi.classifier.modelfolder import (
    ONNX,
    TOKENIZER,
    WEIGHTS,
    ModelConfig,
    file_hash,
    write_json,
    write_manifest,
)
from cuoshi.classifier.predict import open_tokenizer
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.card import write_card
from cuoshi.training.config import TrainConfig
from cuoshi.training.data import Example, read_examples, targets
from cuoshi.training.metrics import calibration_error, headline
from cuoshi.training.model import TrainableClassifier
from cuoshi.training.onnx_graph import write_graph
from cuoshi.training.thresholds import tune

MAX_FLIPS = 0.005


@dataclass(frozen=True)
class Drift:
    """How far the int8 graph is from the half-precision weights, on the validation paragraphs.

    ``flips`` is the share of paragraphs of which any label changes at the thresholds.
    """

    largest: float
    mean: float
    flips: float


def write_model_folder(
    config: TrainConfig, taxonomy: Taxonomy, network: TrainableClassifier, out: Path
) -> None:
    """Write the folder beside ``out`` and put it in place when it is complete.

    Raises:
        ModelError: the int8 graph decides otherwise than the weights on more than 0.5 % of the decisions.
    """
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    model_config = _model_config(config, network)
    write_json(part / "config.json", {"format": 1, **model_config.model_dump()})
    write_json(part / "labels.json", labels_document(taxonomy))
    write_json(part / "training.json", config.model_dump(mode="json"))
    shutil.copyfile(Path(config.base) / TOKENIZER, part / TOKENIZER)
    _write_weights(network, part / WEIGHTS)
    _write_onnx(part, model_config, len(taxonomy.ids))
    examples = read_examples(config.validation, taxonomy)
    gold = targets(examples, taxonomy.ids) > 0.5
    rows = token_rows(part / TOKENIZER, model_config, examples)
    scores = OnnxEngine(part / ONNX).scores(rows)
    shared, table = tune(scores.astype(np.float64), gold)
    limits = np.array([row["threshold"] for row in table])
    drift = measure_drift(part, model_config, rows, scores, limits)
    write_json(
        part / "thresholds.json",
        {
            "method": "per label: middle of the best-F1 plateau on validation, averaged with the shared"
            " threshold; shared threshold below 20 positives",
            "data": " ".join(file_hash(path) for path in config.validation),
            "shared": shared,
            "labels": dict(zip(taxonomy.ids, table, strict=True)),
        },
    )
    validation = {
        "paragraphs": len(examples),
        **headline(scores >= limits, gold),
        "calibration_error": calibration_error(scores.astype(np.float64), gold),
    }
    metrics: dict[str, Any] = {"validation": validation, "int8": vars(drift)}
    write_json(part / "metrics.json", metrics)
    write_card(part, taxonomy)
    write_manifest(part)
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


def labels_document(taxonomy: Taxonomy) -> dict[str, Any]:
    """``labels.json``: ids in index order, names and groups, and the hash of the taxonomy."""
    return {
        "taxonomy": taxonomy.name,
        "taxonomy_version": taxonomy.version,
        "taxonomy_hash": taxonomy.hash,
        "groups": [
            {"id": g.id, "name": g.name.model_dump(exclude_none=True), "color": g.color}
            for g in taxonomy.groups
        ],
        "labels": [
            {"id": label.id, "group": label.group, "name": label.name.model_dump(exclude_none=True)}
            for label in taxonomy.labels
        ],
    }


def token_rows(tokenizer_file: Path, config: ModelConfig, examples: list[Example]) -> list[TokenIds]:
    """Token ids of the first window of every example."""
    tokenizer = open_tokenizer(tokenizer_file)
    tokenizer.enable_truncation(config.max_tokens)
    encodings = tokenizer.encode_batch([example.text for example in examples])
    return [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]


def measure_drift(
    folder: Path, config: ModelConfig, rows: list[TokenIds], scores: Scores, limits: npt.NDArray[np.float64]
) -> Drift:
    """Compare the int8 scores with those of the stored weights.

    Raises:
        ModelError: more than 0.5 % of the decisions differ.
    """
    exact = TorchEngine(load_network(folder / WEIGHTS, config, scores.shape[1])).scores(rows)
    difference = np.abs(exact - scores)
    changed = (exact >= limits) != (scores >= limits)
    if changed.mean() > MAX_FLIPS:
        raise ModelError(
            f"{folder / ONNX}: int8 changes {changed.mean():.2%} of the decisions (at most {MAX_FLIPS:.1%});"
            " train longer or export with more precision"
        )
    return Drift(float(difference.max()), float(difference.mean()), float(changed.any(axis=1).mean()))


def _model_config(config: TrainConfig, network: TrainableClassifier) -> ModelConfig:
    shape = network.encoder.config
    return ModelConfig(
        format=1,
        name=config.name,
        version=config.version,
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        intermediate_size=shape.intermediate_size,
        max_position_embeddings=shape.max_position_embeddings,
        type_vocab_size=shape.type_vocab_size,
        layer_norm_eps=shape.layer_norm_eps,
        max_tokens=config.max_tokens,
        window_overlap=config.window_overlap,
    )


def _write_weights(network: TrainableClassifier, path: Path) -> None:
    state: dict[str, Tensor] = {
        name: value.detach().to(torch.float16).contiguous() for name, value in network.state_dict().items()
    }
    save_file(state, str(path), metadata={"format": "pt"})


def _write_onnx(folder: Path, config: ModelConfig, labels: int) -> None:
    network = load_network(folder / WEIGHTS, config, labels)
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    write_graph(weights, config, folder / ONNX)


def read_metrics(folder: Path) -> dict[str, Any]:
    """``metrics.json`` of a folder."""
    value = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value
