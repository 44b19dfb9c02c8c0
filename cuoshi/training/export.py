"""From a trained network to a complete model folder: weights, int8 graph, thresholds, metrics, manifest."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from cuoshi.classifier.engines import Scores, TokenIds
from cuoshi.classifier.engines.onnx import OnnxEngine
from cuoshi.classifier.engines.torch import Network, TorchEngine, network_name
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
from cuoshi.classifier.weights import pack
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
    """How far the int8 graph is from the network as trained, on the validation paragraphs.

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
        ModelError: int8 changes more than 0.5 % of the decisions.
    """
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    model_config = _model_config(config, network)
    write_json(part / "config.json", {"format": 1, **model_config.model_dump()})
    write_json(part / "labels.json", labels_document(taxonomy))
    write_json(part / "training.json", config.model_dump(mode="json"))
    shutil.copyfile(Path(config.base) / TOKENIZER, part / TOKENIZER)
    exact = plain_network(network, model_config, len(taxonomy.ids))
    state = {name: value.numpy() for name, value in exact.state_dict().items()}
    stored = pack(state, model_config.num_hidden_layers)
    save_file(stored, str(part / WEIGHTS), metadata={"format": "cuoshi int8"})
    write_graph(part / WEIGHTS, model_config, part / ONNX)
    examples = read_examples(config.validation, taxonomy)
    gold = targets(examples, taxonomy.ids) > 0.5
    rows = token_rows(part / TOKENIZER, model_config, examples)
    scores = OnnxEngine(part / ONNX).scores(rows)
    shared, table = tune(scores.astype(np.float64), gold)
    limits = np.array([row["threshold"] for row in table])
    drift = measure_drift(TorchEngine(exact).scores(rows), scores, limits)
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


def measure_drift(exact: Scores, scores: Scores, limits: npt.NDArray[np.float64]) -> Drift:
    """Compare the int8 scores with those of the network as trained.

    Raises:
        ModelError: more than 0.5 % of the decisions differ.
    """
    difference = np.abs(exact - scores)
    changed = (exact >= limits) != (scores >= limits)
    if changed.mean() > MAX_FLIPS:
        raise ModelError(
            f"int8 changes {changed.mean():.2%} of the decisions (at most {MAX_FLIPS:.1%});"
            " the model is not written; train longer"
        )
    return Drift(float(difference.max()), float(difference.mean()), float(changed.any(axis=1).mean()))


def plain_network(network: TrainableClassifier, config: ModelConfig, labels: int) -> Network:
    """The trained network without dropout and without ``transformers``."""
    plain = Network(config, labels)
    plain.load_state_dict({network_name(name): value for name, value in network.state_dict().items()})
    return plain.eval()


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
