"""Everything that decides a training run, in one place."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cuoshi.classifier.errors import UsageError

SPECIAL_TOKENS = 2  # of every window: its first and its last token


class TrainConfig(BaseModel):
    """Arguments of a training run; a YAML file in ``configs/`` has the same keys.

    Paths are relative to the working directory. Rates are AdamW's peak rates; the schedule warms up over
    ``warmup`` of the steps and falls linearly to zero.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name of the model; outputs carry it")
    version: str = "1.0.0"
    base: str = Field(description="Folder of a BERT-like encoder, or a hub id")
    revision: str | None = Field(default=None, description="Revision of a hub id")
    taxonomy: Path | None = Field(default=None, description="Taxonomy file; the shipped one by default")
    train: tuple[Path, ...] = Field(min_length=1, description="JSONL files to learn from")
    validation: tuple[Path, ...] = Field(
        min_length=1, description="JSONL files for thresholds and the best checkpoint"
    )
    epochs: float = Field(default=8, gt=0)
    batch_size: int = Field(default=16, ge=1)
    encoder_rate: float = Field(default=3e-4, gt=0)
    head_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.06, ge=0, lt=1)
    max_tokens: int = Field(default=256, ge=16)
    window_overlap: int = Field(default=64, ge=0)
    join: float = Field(default=0.0, ge=0, le=1, description="Share of paragraphs joined with the next")
    seed: int = 1
    bf16: bool = Field(default=True, description="Autocast to bfloat16 while learning")
    threads: int | None = Field(default=None, ge=1, description="CPU threads; PyTorch's choice by default")

    @model_validator(mode="after")
    def _windows_move_on(self) -> TrainConfig:
        room = self.max_tokens - SPECIAL_TOKENS
        if self.window_overlap >= room:
            raise ValueError(f"window_overlap {self.window_overlap} must be below {room} (max_tokens - 2)")
        return self


def read_config(path: Path) -> TrainConfig:
    """Read a YAML config.

    Raises:
        UsageError: the file is missing, is no YAML, or a key is unknown or has a wrong value.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TrainConfig.model_validate(values)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give a config file") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save the config as UTF-8") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML ({' '.join(str(error).split())}); correct the config") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(f"{path}: {where}: {first['msg']}; correct the config") from None
