"""Everything that decides a training run, in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cuoshi.classifier.errors import UsageError
from cuoshi.classifier.modelfolder import SHIPPED_MODEL
from cuoshi.training.data import Columns

ARTICLE_COLUMN = "article"
SPECIAL_TOKENS = 2  # of every window: its first and its last token


class TrainConfig(BaseModel):
    """Arguments of a training run; a YAML file in ``configs/`` has the same keys.

    Paths are relative to the working directory. Rates are AdamW's peak rates; the schedule warms up over
    ``warmup`` of the steps and falls linearly to zero. Where no ``validation`` is given, the splits are made
    from ``train``: by ``split_column``, else at random by article.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="Name of the model; outputs carry it")
    version: str = Field(default="1.0.0", description="Version of the model")
    base: str = Field(
        default=SHIPPED_MODEL,
        description="Encoder to start from: a shipped model, a model folder, a BERT's folder, or a hub id",
    )
    revision: str | None = Field(default=None, description="Revision of a hub id")
    taxonomy: Path | None = Field(default=None, description="Taxonomy file; the shipped one by default")

    train: tuple[Path, ...] = Field(min_length=1, description="JSONL, CSV or Parquet files to learn from")
    validation: tuple[Path, ...] = Field(
        default=(), description="Files for thresholds, calibration and the best checkpoint"
    )
    test: tuple[Path, ...] = Field(default=(), description="Files that are only measured on, at the end")
    id_column: str = Field(default="id", description="Column of the ids; made where there is none")
    text_column: str = Field(default="text", description="Column of the texts")
    labels_column: str = Field(default="labels", description="Column of the labels")
    wide: bool = Field(default=False, description="Labels stand in columns of their own, of 0 and 1")
    split_column: str | None = Field(default=None, description="Column that says train, validation or test")
    article_column: str = Field(default=ARTICLE_COLUMN, description="Paragraphs of one article share a split")
    validation_share: float = Field(default=0.15, gt=0, lt=1, description="Of splits that are made")
    test_share: float = Field(default=0.15, ge=0, lt=1, description="Of splits that are made")
    overlap: Literal["fail", "drop", "keep"] = Field(
        default="fail",
        description="Training paragraphs that stand in validation or test: an error, left out, or kept",
    )

    epochs: float = Field(default=8, gt=0, description="At most; fractions are allowed")
    batch_size: int = Field(default=16, ge=1, description="Paragraphs a step and device")
    accumulation: int = Field(default=1, ge=1, description="Batches whose gradients are added up for a step")
    checkpointing: bool = Field(default=False, description="Compute activations twice to save memory")
    encoder_rate: float = Field(default=2e-4, gt=0, description="Peak learning rate of the encoder")
    head_rate: float = Field(default=2e-3, gt=0, description="Peak learning rate of the head")
    weight_decay: float = Field(default=0.01, ge=0, description="Of matrices")
    warmup: float = Field(default=0.06, ge=0, lt=1, description="Share of the steps")
    loss: Literal["bce", "focal", "asymmetric"] = Field(default="bce", description="bce, focal or asymmetric")
    focal_gamma: float = Field(default=2.0, ge=0, description="Of the focal loss")
    negative_gamma: float = Field(default=4.0, ge=0, description="Of the asymmetric loss")
    positive_gamma: float = Field(default=0.0, ge=0, description="Of the asymmetric loss")
    margin: float = Field(default=0.05, ge=0, lt=1, description="Of the asymmetric loss")
    positive_weight: float | Literal["balanced"] = Field(
        default=1.0,
        description="Weight of positives; balanced: the root of negatives a positive, at most 10, by label",
    )
    smoothing: float = Field(default=0.0, ge=0, lt=0.5, description="Targets become this and 1 minus this")
    patience: int | None = Field(
        default=3, ge=1, description="Evaluations without a better macro-F1 after which learning stops"
    )
    max_tokens: int = Field(default=256, ge=16, description="Window, its first and last token included")
    window_overlap: int = Field(default=64, ge=0, description="Of the windows of long paragraphs")
    join: float = Field(default=0.0, ge=0, le=1, description="Share of paragraphs joined with the next")
    calibrate: bool = Field(default=True, description="Scale and shift the logits where that calibrates them")
    max_flips: float = Field(
        default=0.005,
        ge=0,
        le=1,
        description="Share of validation decisions that int8 may change; above it an error, if surely above",
    )

    seed: int = Field(default=1, ge=0, description="Of splits, batches, dropout and the fresh head")
    bf16: bool | Literal["auto"] = Field(
        default="auto", description="Autocast to bfloat16; auto: where the device computes in it"
    )
    threads: int | None = Field(default=None, ge=1, description="CPU threads; PyTorch's choice by default")
    save_minutes: float = Field(default=10, gt=0, description="A checkpoint at least so often")
    save_steps: int | None = Field(default=None, ge=1, description="A checkpoint every so many steps, too")
    tensorboard: Path | None = Field(default=None, description="Folder for a TensorBoard log")

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        room = self.max_tokens - SPECIAL_TOKENS
        if self.window_overlap >= room:
            raise ValueError(f"window_overlap {self.window_overlap} must be below {room} (max_tokens - 2)")
        if self.validation_share + self.test_share >= 1:
            raise ValueError("validation_share and test_share leave nothing to learn from")
        if self.split_column and (self.validation or self.test):
            raise ValueError("split_column and files for validation or test exclude each other")
        if not isinstance(self.positive_weight, str) and self.positive_weight <= 0:
            raise ValueError("positive_weight must be above 0")
        return self

    @property
    def columns(self) -> Columns:
        """Which column of the data is what."""
        return Columns(self.id_column, self.text_column, self.labels_column, self.wide)

    @property
    def files(self) -> tuple[Path, ...]:
        """All data files."""
        return (*self.train, *self.validation, *self.test)


# What may differ when a training is taken up again: it does not change what is learned.
FREE = frozenset({"name", "version", "max_flips", "calibrate", "save_minutes", "save_steps", "tensorboard"})


def read_config(path: Path) -> TrainConfig:
    """Read a YAML config.

    Raises:
        UsageError: the file is missing, is no YAML, or a key is unknown or has a wrong value.
    """
    return make_config(read_values(path), str(path))


def read_values(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML config, not yet checked.

    Raises:
        UsageError: the file is missing or is no YAML of keys and values.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give a config file") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save the config as UTF-8") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML ({' '.join(str(error).split())}); correct the config") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: has no keys with values; see cuoshi/training/configs for examples")
    return values


def make_config(values: dict[str, Any], source: str) -> TrainConfig:
    """A config from keys and values.

    Raises:
        UsageError: a key is unknown or has a wrong value; the message begins with ``source``.
    """
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{source}: {where}: {message}; correct the config") from None


def settings(pairs: list[str]) -> dict[str, Any]:
    """The values of ``KEY=VALUE`` pairs, each read as YAML.

    Raises:
        UsageError: a pair has no ``=``, or its key is none of the config.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or key not in TrainConfig.model_fields:
            known = ", ".join(TrainConfig.model_fields)
            raise UsageError(f"--set {pair}: give KEY=VALUE with one of the keys {known}")
        try:
            text = TrainConfig.model_fields[key].annotation is str  # such as a version, 1.10
            found[key] = value if text else yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"--set {pair}: the value is no YAML; put it in quotes") from None
    return found
