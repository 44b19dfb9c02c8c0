"""Fine-tuning: the network learns from labelled paragraphs."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from tokenizers import Tokenizer
from torch import nn
from torch.utils.data import Sampler
from transformers import Trainer, TrainingArguments, set_seed

from cuoshi.classifier.errors import DataError, ModelError, UsageError
from cuoshi.classifier.modelfolder import TOKENIZER
from cuoshi.classifier.predict import open_tokenizer
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.base import base_config
from cuoshi.training.batches import LengthGrouped, Paragraphs, collate
from cuoshi.training.config import TrainConfig
from cuoshi.training.data import Example, join_neighbours, read_examples
from cuoshi.training.metrics import MIN_SUPPORT, headline
from cuoshi.training.model import TrainableClassifier, load_encoder


@dataclass(frozen=True)
class Fitted:
    """What learning gives: the network, the tokenizer it reads by, and the validation paragraphs."""

    network: TrainableClassifier
    tokenizer: Tokenizer
    validation: list[Example]


class ParagraphTrainer(Trainer):
    """Trainer with length-grouped batches and a rate of its own for the head."""

    def __init__(self, config: TrainConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        rows = self.train_dataset.rows  # type: ignore[union-attr]
        return LengthGrouped([len(row) for row in rows], self.config.batch_size, self.config.seed)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW; biases and layer norms without weight decay."""
        if self.optimizer is None:
            network = model or self.model
            assert network is not None
            groups = parameter_groups(network, self.config)
            self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        return self.optimizer


def parameter_groups(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Parameters by rate and weight decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        rate = config.head_rate if name.startswith("head.") else config.encoder_rate
        decay = 0.0 if parameter.ndim == 1 else config.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def fit(config: TrainConfig, taxonomy: Taxonomy, base: Path, work: Path) -> Fitted:
    """Learn, and return the network of the epoch with the best validation macro-F1.

    Args:
        config: see :class:`TrainConfig`.
        taxonomy: the labels, in index order.
        base: folder of the encoder to start from.
        work: folder for checkpoints; removed before and, when all went well, after.

    Raises:
        DataError: the data are malformed, or no label has enough validation paragraphs to choose by.
        ModelError: the base is no BERT that can be read, or the loss is not a number.
        UsageError: ``max_tokens`` is more than the base can read.
    """
    positions = int(base_config(base)["max_position_embeddings"])
    if config.max_tokens > positions:
        raise UsageError(
            f"max_tokens {config.max_tokens}: {base} reads at most {positions}; lower max_tokens"
        )
    learned = read_examples(config.train, taxonomy)
    chosen_by = read_examples(config.validation, taxonomy)
    set_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    tokenizer = open_tokenizer(base / TOKENIZER)
    tokenizer.no_padding()
    tokenizer.enable_truncation(config.max_tokens)
    train = Paragraphs(join_neighbours(learned, config.join, config.seed), tokenizer, taxonomy.ids)
    validation = Paragraphs(chosen_by, tokenizer, taxonomy.ids)
    check_support(validation)
    typer.echo(f"{train.cut} of {len(train)} training paragraphs exceed {config.max_tokens} tokens", err=True)
    shutil.rmtree(work, ignore_errors=True)
    network = TrainableClassifier(load_encoder(base), len(taxonomy.ids))
    trainer = ParagraphTrainer(
        config,
        model=network,
        args=_arguments(config, len(train), work),
        train_dataset=train,
        eval_dataset=validation,
        data_collator=collate,
        compute_metrics=_metrics,
    )
    with contextlib.redirect_stdout(sys.stderr):  # where the trainer prints its figures
        loss = trainer.train().training_loss
    if not math.isfinite(loss):
        raise ModelError("the loss is not a number; lower encoder_rate or set bf16: false")
    shutil.rmtree(work, ignore_errors=True)
    return Fitted(network, tokenizer, chosen_by)


def check_support(validation: Paragraphs) -> None:
    """See that macro-F1, by which the epoch is chosen, has a label to be measured on.

    Raises:
        DataError: no label has enough positives.
    """
    if validation.targets.sum(axis=0).max(initial=0) < MIN_SUPPORT:
        raise DataError(f"no label has {MIN_SUPPORT} positive validation paragraphs; add some")


def _arguments(config: TrainConfig, paragraphs: int, work: Path) -> TrainingArguments:
    steps = int(np.ceil(paragraphs / config.batch_size) * config.epochs)
    return TrainingArguments(
        output_dir=str(work),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        warmup_steps=int(steps * config.warmup),
        lr_scheduler_type="linear",
        bf16=config.bf16,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        save_only_model=True,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        logging_steps=50,
        logging_nan_inf_filter=False,  # a step without a number must show in the mean loss
        report_to="none",
        seed=config.seed,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )


def _metrics(prediction: Any) -> dict[str, float]:
    """Figures at a score of 0.5, which is a logit of 0."""
    return headline(np.asarray(prediction.predictions) >= 0, np.asarray(prediction.label_ids) > 0.5)
