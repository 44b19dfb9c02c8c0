"""Engines: token ids in, scores out. ONNX Runtime on the CPU is the default; PyTorch is for CUDA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
TokenIds = npt.NDArray[np.int64]


class Engine(Protocol):
    """Computes scores for tokenised text."""

    def scores(self, rows: Sequence[TokenIds]) -> Scores:
        """Score every row by itself.

        Args:
            rows: token ids with the special tokens, one array of length 2 to ``max_tokens`` a row.

        Returns:
            Array of shape ``[len(rows), labels]`` with values between 0 and 1. A row's scores do not
            depend on the other rows.
        """
        ...

    def close(self) -> None:
        """Give back processes and threads; the engine is not used afterwards."""
        ...
