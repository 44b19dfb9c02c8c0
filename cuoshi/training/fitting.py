"""Fine-tuning: the network learns from labelled paragraphs."""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import nn
from torch.utils.data import Sampler
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments, set_seed

from cuoshi.classifier.cli.output import notice
from cuoshi.classifier.errors import DataError, MissingExtraError, ModelError, UsageError
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.base import base_config, base_tokenizer
from cuoshi.training.batches import LengthGrouped, Paragraphs, collate
from cuoshi.training.calibrate import sigmoid
from cuoshi.training.config import TrainConfig
from cuoshi.training.data import join_neighbours
from cuoshi.training.device import hold_memory, is_main, processes, quiet_libraries, use_bf16
from cuoshi.training.flow import Flow, Stop
from cuoshi.training.losses import LabelLoss
from cuoshi.training.metrics import MIN_SUPPORT, headline
from cuoshi.training.model import TrainableClassifier, load_encoder
from cuoshi.training.progress import Progress
from cuoshi.training.splits import Splits
from cuoshi.training.thresholds import Scores, shared_threshold
from cuoshi.training.work import Best, Work

EVALUATION_SHARE = 0.1  # of the time, at most
FORWARD_SHARE = 1 / 3  # what evaluating a paragraph costs of learning from it
TOKENS_AT_ONCE = 2_048  # that a CPU computes; 12 layers of 384 need about 0.8 GB for them
NO_ROOM = 64 << 20  # bytes left on a disk that is as good as full


@dataclass(frozen=True)
class Fitted:
    """What learning gives: the network, the tokenizer it reads by, and which evaluation was the best."""

    network: TrainableClassifier
    tokenizer: Tokenizer
    best: Best


class ParagraphTrainer(Trainer):
    """Trainer with length-grouped batches, a rate of its own for the head, and an eye on the loss."""

    def __init__(self, config: TrainConfig, lengths: list[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self._lengths = lengths
        self._share = 1.0  # of the batch, that the rows make up whose loss is computed

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return LengthGrouped(self._lengths, self.config.batch_size, self.config.seed)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW; biases and layer norms without weight decay."""
        if self.optimizer is None:
            network = model or self.model
            assert network is not None
            groups = parameter_groups(network, self.config)
            self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        return self.optimizer

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """A step of Trainer; stops where the loss is not a number.

        On a CPU a batch of long rows is computed in pieces, whose gradients add up: memory stays bounded.

        Raises:
            ModelError: it is not.
        """
        whole = self.args.device.type != "cpu" or processes() > 1
        loss = torch.zeros((), device=self.args.device)
        for piece in [inputs] if whole else pieces(inputs, TOKENS_AT_ONCE):
            self._share = len(piece["input_ids"]) / len(inputs["input_ids"])
            loss += super().training_step(model, piece, num_items_in_batch)
        self._share = 1.0
        if not math.isfinite(loss.item()):
            raise ModelError(
                f"the loss is not a number at step {self.state.global_step + 1}; "
                "lower encoder_rate or set bf16: false"
            )
        return loss

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        """The loss of Trainer, by the share of the batch that the rows are."""
        found = super().compute_loss(model, inputs, *rest, **named)
        return (found[0] * self._share, *found[1:]) if isinstance(found, tuple) else found * self._share


def pieces(inputs: dict[str, torch.Tensor], tokens: int) -> list[dict[str, torch.Tensor]]:
    """A batch in pieces of whole rows, alike in size, of at most ``tokens`` tokens with their padding."""
    rows, length = inputs["input_ids"].shape
    count = math.ceil(rows / max(1, tokens // length))
    bounds = [rows * number // count for number in range(count + 1)]
    return [
        {name: value[first:last] for name, value in inputs.items()}
        for first, last in itertools.pairwise(bounds)
    ]


def parameter_groups(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Parameters by rate and weight decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        rate = config.head_rate if name.startswith("head.") else config.encoder_rate
        decay = 0.0 if parameter.ndim == 1 else config.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def fit(
    config: TrainConfig,
    taxonomy: Taxonomy,
    base: Path,
    splits: Splits,
    work: Work,
    checkpoint: Path | None = None,
    learn: bool = True,
) -> Fitted:
    """Learn, and return the network of the evaluation with the best validation macro-F1.

    Args:
        config: see :class:`TrainConfig`.
        taxonomy: the labels, in index order.
        base: folder of the encoder to start from.
        splits: the paragraphs.
        work: where checkpoints and the best network are kept.
        checkpoint: of an earlier process, to go on from.
        learn: False takes the best network that ``work`` has as it is.

    Raises:
        DataError: a disk is full; checkpoints that were written before are kept.
        KeyboardInterrupt: somebody asked to stop; a checkpoint was written.
        ModelError: the base is no BERT that can be read, the loss is not a number, or memory is short.
        UsageError: ``max_tokens`` is more than the base can read.
    """
    check_window(config, base)
    quiet_libraries()
    hold_memory()
    set_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    tokenizer = base_tokenizer(base)
    tokenizer.enable_truncation(config.max_tokens)
    learned = join_neighbours(splits.train, config.join, config.seed)
    train = Paragraphs(learned, tokenizer, taxonomy.ids)
    validation = Paragraphs(splits.validation, tokenizer, taxonomy.ids, by_length=True)
    check_support(validation)
    loss = LabelLoss(config, train.targets)
    network = TrainableClassifier(load_encoder(base), len(taxonomy.ids), loss)
    if learn:
        pad_id = int(base_config(base)["pad_token_id"])
        _learn(config, network, train, validation, work, checkpoint, pad_id)
    if not is_main():  # which only helps to learn, and may be here before the first has written the best
        return Fitted(network, tokenizer, Best(0, 0.0, 0.0, 0.0))
    best = work.load_best(network.cpu())
    return Fitted(network, tokenizer, best)


def check_window(config: TrainConfig, base: Path) -> None:
    """See that the base can read ``max_tokens``.

    Raises:
        UsageError: it cannot.
    """
    positions = int(base_config(base)["max_position_embeddings"])
    if config.max_tokens > positions:
        raise UsageError(
            f"max_tokens {config.max_tokens}: {base} reads at most {positions}; lower max_tokens"
        )


def check_support(validation: Paragraphs) -> None:
    """See that macro-F1, by which the epoch is chosen, has a label to be measured on.

    Raises:
        DataError: no label has enough positives.
    """
    if validation.targets.sum(axis=0).max(initial=0) < MIN_SUPPORT:
        raise DataError(f"no label has {MIN_SUPPORT} positive validation paragraphs; add some")


def _learn(
    config: TrainConfig,
    network: TrainableClassifier,
    train: Paragraphs,
    validation: Paragraphs,
    work: Work,
    checkpoint: Path | None,
    pad_id: int,
) -> None:
    if config.checkpointing:
        network.checkpoint_activations()
    a_step = config.batch_size * config.accumulation * processes()
    steps_an_epoch = math.ceil(len(train) / a_step)
    stop, progress = Stop(), Progress(a_step, quiet=not is_main())
    flow = Flow(config, work, stop, progress, steps_an_epoch * epochs_between(train, validation))
    trainer = ParagraphTrainer(
        config,
        train.lengths,
        model=network,
        args=_arguments(config, steps_an_epoch, work.folder),
        train_dataset=train.table,
        eval_dataset=validation.table,
        data_collator=partial(collate, pad_id=pad_id),
        compute_metrics=_metrics,
        callbacks=[flow, *_tensorboard(config)],
    )
    for talker in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(talker)
    # Where transformers prints, and what keeps the lines of this program readable.
    with contextlib.redirect_stdout(sys.stderr), stop.listening(), _explained(work, progress):
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if stop.asked and trainer.state.global_step < trainer.state.max_steps:
        raise KeyboardInterrupt


def epochs_between(train: Paragraphs, validation: Paragraphs) -> int:
    """How many epochs lie between evaluations, so that these take at most a tenth of the time."""
    ratio = FORWARD_SHARE * sum(validation.lengths) / sum(train.lengths)
    return max(1, math.ceil(ratio * (1 - EVALUATION_SHARE) / EVALUATION_SHARE - 0.05))


@contextlib.contextmanager
def _explained(work: Work, progress: Progress) -> Iterator[None]:
    """Turn what can go wrong on a machine into one line; the last good checkpoint stays."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise ModelError(
            "the device is out of memory; halve batch_size and double accumulation, "
            "or set checkpointing: true; then begin again with --restart"
        ) from None
    except (OSError, RuntimeError, SafetensorError) as error:
        if not is_full(error, work.folder):
            raise
        work.drop_incomplete()
        raise DataError(f"{work.folder}: the disk is full; make room and go on with --resume") from None
    finally:
        progress.end()


def is_full(error: Exception, folder: Path) -> bool:
    """Whether an error came from a disk without room; not all libraries say so in the same way."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "No space left" in str(error) or shutil.disk_usage(folder).free < NO_ROOM


def _tensorboard(config: TrainConfig) -> list[Any]:
    if config.tensorboard is None or not is_main():
        return []
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError("tensorboard", "tensorboard") from None
    from transformers.integrations.integration_utils import TensorBoardCallback

    writer: Any = SummaryWriter
    callback: Any = TensorBoardCallback  # neither is typed
    return [callback(writer(str(config.tensorboard)))]


def _arguments(config: TrainConfig, steps_an_epoch: int, work: Path) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(work),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=4 * config.batch_size,
        gradient_accumulation_steps=config.accumulation,
        warmup_steps=int(steps_an_epoch * config.epochs * config.warmup),
        lr_scheduler_type="linear",
        bf16=use_bf16(config),
        use_cpu=not torch.cuda.is_available(),
        ddp_find_unused_parameters=False,
        eval_strategy="no",  # Flow says when
        save_strategy="no",
        save_total_limit=2,
        logging_steps=max(1, min(50, steps_an_epoch // 4)),
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        seed=config.seed,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    if arguments.n_gpu > 1:
        notice("several GPUs: only the first is used; start with `accelerate launch -m cuoshi train …`")
        arguments._n_gpu = 1
    return arguments


def _metrics(prediction: Any) -> dict[str, float]:
    """Figures at the one threshold of best micro-F1: a network that is young gives low scores."""
    logits = np.asarray(prediction.predictions)
    scores: Scores = sigmoid(logits.astype(np.float64)).astype(np.float32)
    gold = np.asarray(prediction.label_ids) > 0.5
    threshold = shared_threshold(scores, gold)
    return {**headline(scores >= threshold, gold), "threshold": threshold}
