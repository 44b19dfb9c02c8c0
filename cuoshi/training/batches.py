"""Batches of paragraphs: token ids and targets, grouped by length, padded to the longest of a batch."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import Sampler

from cuoshi.classifier.engines.torch import padded
from cuoshi.training.data import Example, Targets, targets

POOL_OF_BATCHES = 32
TEXTS_A_CALL = 1_000


class Paragraphs:
    """Token ids and targets of examples; ``table`` holds them as ``input_ids`` and ``labels``.

    The tokenizer truncates: text beyond it is read by its first window; ``cut`` counts such examples.
    """

    def __init__(
        self, examples: Sequence[Example], tokenizer: Tokenizer, ids: Sequence[str], by_length: bool = False
    ) -> None:
        rows: list[list[int]] = []
        self.cut = 0
        for start in range(0, len(examples), TEXTS_A_CALL):
            texts = [example.text for example in examples[start : start + TEXTS_A_CALL]]
            for encoding in tokenizer.encode_batch(texts):
                rows.append(encoding.ids)
                self.cut += bool(encoding.overflowing)
        wanted = targets(examples, ids)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i])) if by_length else range(len(rows))
        self.lengths = [len(rows[i]) for i in order]
        self.targets: Targets = wanted[list(order)]
        self.table = Dataset.from_dict({"input_ids": [rows[i] for i in order], "labels": list(self.targets)})

    def __len__(self) -> int:
        return len(self.lengths)


def collate(rows: Sequence[dict[str, Any]], pad_id: int = 1) -> dict[str, Tensor]:
    """Pad a batch to its longest row."""
    ids = padded([row["input_ids"] for row in rows], pad_id)
    labels = torch.from_numpy(np.array([row["labels"] for row in rows], dtype=np.float32))
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


class LengthGrouped(Sampler[int]):
    """Random order in which neighbours, and so batches, have rows of like length.

    The order depends on the seed and the epoch alone, so that a run that is taken up again has the same.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        shuffled = random.Random(f"{self._seed} {self._epoch}")
        order = list(range(len(self._lengths)))
        shuffled.shuffle(order)
        pool = self._batch_size * POOL_OF_BATCHES
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            chunk = sorted(order[start : start + pool], key=lambda i: self._lengths[i])
            batches += [chunk[at : at + self._batch_size] for at in range(0, len(chunk), self._batch_size)]
        last = batches.pop()  # a short batch stays last, or all after it would be cut askew
        shuffled.shuffle(batches)
        return iter([i for batch in [*batches, last] for i in batch])
