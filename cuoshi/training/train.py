"""Fine-tune an encoder on labelled paragraphs, from data to a complete model folder.

python -m cuoshi.training.train cuoshi/training/configs/measures-zh.yaml --out build/measures-zh
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from transformers import Trainer, TrainingArguments, set_seed

from cuoshi.classifier.engines.torch import PAD
from cuoshi.classifier.predict import open_tokenizer
from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.config import TrainConfig, read_config
from cuoshi.training.data import Example, Targets, join_neighbours, read_examples, targets
from cuoshi.training.metrics import headline
from cuoshi.training.model import TrainableClassifier, load_encoder

POOL_OF_BATCHES = 32


class Paragraphs(Dataset[dict[str, Any]]):
    """Token ids and targets of examples; text beyond ``max_tokens`` is read by its first window."""

    def __init__(self, examples: Sequence[Example], tokenizer: Tokenizer, ids: Sequence[str]) -> None:
        self.rows = [encoding.ids for encoding in tokenizer.encode_batch([e.text for e in examples])]
        self.targets: Targets = targets(examples, ids)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input_ids": self.rows[index], "labels": self.targets[index]}


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """Pad a batch to its longest row."""
    width = max(len(row["input_ids"]) for row in rows)
    ids = torch.full((len(rows), width), PAD, dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
    labels = torch.from_numpy(np.stack([row["labels"] for row in rows]))
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": labels}


class LengthGrouped(Sampler[int]):
    """Random order in which neighbours, and so batches, have rows of like length."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._random = random.Random(seed)

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        order = list(range(len(self._lengths)))
        self._random.shuffle(order)
        pool = self._batch_size * POOL_OF_BATCHES
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            chunk = sorted(order[start : start + pool], key=lambda i: self._lengths[i])
            batches += [chunk[at : at + self._batch_size] for at in range(0, len(chunk), self._batch_size)]
        last = batches.pop()  # a short batch stays last, or all after it would be cut askew
        self._random.shuffle(batches)
        return iter([i for batch in [*batches, last] for i in batch])


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


def fit(config: TrainConfig, taxonomy: Taxonomy, work: Path) -> TrainableClassifier:
    """Learn, and return the network of the epoch with the best validation macro-F1.

    Args:
        config: see :class:`TrainConfig`.
        taxonomy: the labels, in index order.
        work: folder for checkpoints.
    """
    set_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    tokenizer = open_tokenizer(Path(config.base) / "tokenizer.json")
    tokenizer.enable_truncation(config.max_tokens)
    learned = join_neighbours(read_examples(config.train, taxonomy), config.join, config.seed)
    train = Paragraphs(learned, tokenizer, taxonomy.ids)
    validation = Paragraphs(read_examples(config.validation, taxonomy), tokenizer, taxonomy.ids)
    network = TrainableClassifier(load_encoder(config.base, config.revision), len(taxonomy.ids))
    steps = int(np.ceil(len(train) / config.batch_size) * config.epochs)
    arguments = TrainingArguments(
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
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        logging_steps=50,
        report_to="none",
        seed=config.seed,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
    trainer = ParagraphTrainer(
        config,
        model=network,
        args=arguments,
        train_dataset=train,
        eval_dataset=validation,
        data_collator=collate,
        compute_metrics=_metrics,
    )
    trainer.train()
    return network


def _metrics(prediction: Any) -> dict[str, float]:
    scores = 1.0 / (1.0 + np.exp(-np.asarray(prediction.predictions, dtype=np.float64)))
    return headline(scores >= 0.5, np.asarray(prediction.label_ids) > 0.5)


def train(config: TrainConfig, out: Path) -> None:
    """Learn, export, tune thresholds on validation, and write the model folder ``out``."""
    from cuoshi.training.export import write_model_folder

    taxonomy = load_taxonomy(config.taxonomy)
    work = out.with_name(out.name + ".work")
    network = fit(config, taxonomy, work)
    write_model_folder(config, taxonomy, network, out)


def main(
    config: Annotated[Path, typer.Argument(help="YAML file of a training run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Model folder to write.")],
) -> None:
    """Train a model and write its folder."""
    chosen = read_config(config)
    typer.echo(json.dumps(chosen.model_dump(mode="json"), ensure_ascii=False), err=True)
    train(chosen, out)


if __name__ == "__main__":
    typer.run(main)
