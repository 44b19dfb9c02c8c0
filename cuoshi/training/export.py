"""From a trained network to a complete model folder: weights, int8 graph, thresholds, metrics, manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from cuoshi.classifier.engines import Scores
from cuoshi.classifier.engines.onnx import OnnxEngine
from cuoshi.classifier.engines.torch import Network, TorchEngine, network_name
from cuoshi.classifier.errors import ModelError
from cuoshi.classifier.modelfolder import (
    ONNX,
    TOKENIZER,
    WEIGHTS,
    Labels,
    ModelConfig,
    ModelFolder,
    Threshold,
    Thresholds,
    write_json,
    write_manifest,
)
from cuoshi.classifier.predict import Classifier
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.classifier.weights import pack
from cuoshi.training.calibrate import Calibration, fit_calibration, no_calibration
from cuoshi.training.card import write_card
from cuoshi.training.config import TrainConfig
from cuoshi.training.data import label_array
from cuoshi.training.device import use_bf16
from cuoshi.training.evaluate import evaluate_examples, score_examples
from cuoshi.training.fitting import Fitted
from cuoshi.training.metrics import calibration_error, headline
from cuoshi.training.model import TrainableClassifier
from cuoshi.training.onnx_graph import write_graph
from cuoshi.training.splits import Splits
from cuoshi.training.thresholds import METHOD, limits_of, threshold_document, tune

MAX_FLIPS = 0.005


@dataclass(frozen=True)
class Drift:
    """How far the int8 graph is from the network as trained, on the validation paragraphs.

    ``decisions`` is the share of decisions that change at the thresholds: ``changed`` of ``compared``.
    ``at_least`` is the lower end of its exact 95 % interval, ``flips`` the share of paragraphs of which any
    label changes.
    """

    largest: float
    mean: float
    flips: float
    decisions: float
    changed: int
    compared: int
    at_least: float


def write_model_folder(
    config: TrainConfig,
    taxonomy: Taxonomy,
    fitted: Fitted,
    splits: Splits,
    made_from: dict[str, Any],
    folder: Path,
) -> None:
    """Write every file of a model folder into an existing folder; the manifest comes last.

    Logits are calibrated and thresholds tuned on the validation paragraphs; the test paragraphs, where there
    are some, are measured on.

    Args:
        config: of the training.
        taxonomy: the labels, in index order.
        fitted: what was learned.
        splits: the paragraphs to tune and to measure on.
        made_from: what goes into ``training.json``, with ``data_sha256`` by file.
        folder: where to write; the card takes in the notes that lie there.

    Raises:
        ModelError: int8 certainly changes a larger share of decisions than ``max_flips`` allows.
    """
    model_config = _model_config(config, fitted.network)
    labels = labels_document(taxonomy)
    write_json(folder / "config.json", {"format": 1, **model_config.model_dump()})
    write_json(folder / "labels.json", labels)
    write_json(folder / "training.json", {**made_from, "effective": _effective(config, fitted, splits)})
    fitted.tokenizer.no_truncation()
    fitted.tokenizer.save(str(folder / TOKENIZER))
    exact = plain_network(fitted.network, model_config, len(taxonomy.ids))
    examples = splits.validation
    gold = label_array((example.labels for example in examples), taxonomy.ids)
    model = _untuned(folder, model_config, Labels.model_validate(labels))
    # On the CPU, in single precision: that is what int8 is measured against.
    trained = score_examples(Classifier(model, fitted.tokenizer, TorchEngine(exact)), examples)
    check_numbers(trained)
    found = fit_calibration(trained, gold) if config.calibrate else no_calibration(trained, gold)
    apply_calibration(exact, found)
    _write_weights(exact, model_config, folder)

    scores = score_examples(Classifier(model, fitted.tokenizer, OnnxEngine(folder / ONNX)), examples)
    shared, table = tune(scores, gold)
    limits = limits_of(table)
    drift = measure_drift(found.scores(trained), scores, limits, config.max_flips)
    data = " ".join(made_from["data_sha256"][str(path)] for path in config.validation or config.train)
    thresholds = threshold_document(METHOD, data, shared, dict(zip(taxonomy.ids, table, strict=True)))
    validation = {
        "paragraphs": len(examples),
        **headline(scores >= limits, gold),
        "calibration_error": calibration_error(scores.astype(np.float64), gold),
    }
    write_json(folder / "thresholds.json", thresholds)
    metrics = {"validation": validation, "int8": vars(drift), "calibration": vars(found)}
    if splits.test:
        tuned = ModelFolder(folder, "", model_config, model.labels, Thresholds.model_validate(thresholds))
        classifier = Classifier(tuned, fitted.tokenizer, OnnxEngine(folder / ONNX))
        metrics["test"] = evaluate_examples(classifier, splits.test, taxonomy).figures
    write_json(folder / "metrics.json", metrics)
    write_card(folder)
    write_manifest(folder)


def _write_weights(network: Network, config: ModelConfig, folder: Path) -> None:
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    stored = pack(state, config.num_hidden_layers)
    (folder / WEIGHTS).write_bytes(save(stored, metadata={"format": "cuoshi int8"}))
    write_graph(folder / WEIGHTS, config, folder / ONNX)


def apply_calibration(network: Network, found: Calibration) -> None:
    """Put a calibration into the head, so that every engine has it."""
    with torch.no_grad():
        network.head.weight.mul_(found.scale)
        network.head.bias.mul_(found.scale).add_(found.shift)


def _effective(config: TrainConfig, fitted: Fitted, splits: Splits) -> dict[str, Any]:
    """What was decided on the machine, and where learning ended."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {
        "device": device,
        "threads": torch.get_num_threads(),
        "bf16": use_bf16(config),
        "best": vars(fitted.best),
        "paragraphs": {name: len(part) for name, part in splits.parts().items()},
        "splits": splits.method,
    }


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


def check_numbers(scores: Scores) -> None:
    """See that scores are numbers.

    Raises:
        ModelError: one is not.
    """
    if not np.isfinite(scores).all():
        raise ModelError(
            "scores are not numbers; the model is not written; lower encoder_rate and train again"
        )


def measure_drift(exact: Scores, scores: Scores, limits: Scores, max_flips: float = MAX_FLIPS) -> Drift:
    """Compare the int8 scores with those of the network as trained.

    A few hundred decisions say little of a share of one in two hundred, so a share above ``max_flips`` is an
    error only where the whole of its interval (Clopper and Pearson's, 95 %) is above.

    Raises:
        ModelError: a score is not a number, or certainly more than ``max_flips`` of the decisions differ.
    """
    from scipy.stats import binomtest

    check_numbers(exact)
    check_numbers(scores)
    difference = np.abs(exact - scores)
    changed = (exact >= limits) != (scores >= limits)
    drift = Drift(
        float(difference.max()),
        float(difference.mean()),
        float(changed.any(axis=1).mean()),
        float(changed.mean()),
        int(changed.sum()),
        int(changed.size),
        float(binomtest(int(changed.sum()), int(changed.size)).proportion_ci(0.95, method="exact").low),
    )
    if drift.at_least > max_flips:
        enough = float(np.ceil(drift.decisions * 1000) / 1000)
        raise ModelError(
            f"int8 changes {drift.changed:,} of {drift.compared:,} decisions ({drift.decisions:.2%}, and surely "
            f"over {drift.at_least:.2%}; at most {max_flips:.1%}; largest difference of a score "
            f"{drift.largest:.3f}); the model is not written; train longer, so that scores move away from the "
            f"thresholds, or accept it with --finish --set max_flips={enough:.3f}"
        )
    return drift


def plain_network(network: TrainableClassifier, config: ModelConfig, labels: int) -> Network:
    """The trained network without dropout and without ``transformers``."""
    plain = Network(config, labels)
    plain.load_state_dict({network_name(name): value for name, value in network.state_dict().items()})
    return plain.eval()


def _untuned(folder: Path, config: ModelConfig, labels: Labels) -> ModelFolder:
    """The folder as a classifier needs it to score, before it has thresholds and a manifest."""
    half = {label: Threshold(threshold=0.5, support=0, tuned=False) for label in labels.ids}
    return ModelFolder(folder, "", config, labels, Thresholds(method="", data="", shared=0.5, labels=half))


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
        pad_id=int(shape.pad_token_id or 0),
        max_tokens=config.max_tokens,
        window_overlap=config.window_overlap,
    )
