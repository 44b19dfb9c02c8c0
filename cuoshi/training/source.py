"""A BERT with its vocabulary, as it comes from any of the places a base encoder is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

WORDS = "embeddings.word_embeddings.weight"
CONFIG_NAMES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
)


@dataclass(frozen=True)
class Source:
    """A BERT with its vocabulary.

    ``tensors`` are named as in ``transformers.BertModel``; row *i* of the word embeddings belongs to
    ``pieces[i]``; ``scores`` are the unigram log-probabilities. ``config`` holds BertConfig's fields.
    """

    config: dict[str, Any]
    pieces: list[str]
    scores: Floats
    tensors: dict[str, Floats]
