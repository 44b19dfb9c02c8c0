"""Batches of paragraphs: token ids and targets, grouped by length, padded to the longest of a batch."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from cuoshi.classifier.engines.torch import padded
from cuoshi.training.data import Example, Targets, targets

POOL_OF_BATCHES = 32


class Paragraphs(Dataset[dict[str, Any]]):
    """Token ids and targets of examples.

    The tokenizer truncates: text beyond it is read by its first window; ``cut`` counts such examples.
    """

    def __init__(self, examples: Sequence[Example], tokenizer: Tokenizer, ids: Sequence[str]) -> None:
        encodings = tokenizer.encode_batch([example.text for example in examples])
        self.rows = [encoding.ids for encoding in encodings]
        self.cut = sum(bool(encoding.overflowing) for encoding in encodings)
        self.targets: Targets = targets(examples, ids)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input_ids": self.rows[index], "labels": self.targets[index]}


def collate(rows: Sequence[dict[str, Any]], pad_id: int = 1) -> dict[str, Tensor]:
    """Pad a batch to its longest row."""
    ids = padded([row["input_ids"] for row in rows], pad_id)
    labels = torch.from_numpy(np.stack([row["labels"] for row in rows]))
    return {"input_ids": ids, "attention_mask": (ids != pad_id).long(), "labels": labels}


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
