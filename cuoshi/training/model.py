"""The network as it is trained: a BERT of ``transformers``, mean pooling, a linear head a label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from cuoshi.classifier.errors import ModelError
from cuoshi.training.base import base_config

HEAD_BIAS = -2.5  # a fresh head starts near the rate at which labels occur
DROPOUT = 0.1


class TrainableClassifier(nn.Module):
    """Token ids to logits, with dropout; parameters ``encoder.*`` and ``head.*``."""

    def __init__(self, encoder: BertModel, labels: int) -> None:
        super().__init__()
        size = encoder.config.hidden_size
        self.encoder = encoder
        self.pooled_norm = nn.LayerNorm(size, elementwise_affine=False)
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(size, labels)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.constant_(self.head.bias, HEAD_BIAS)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Logits ``[batch, labels]`` and, with targets, the loss.

        Args:
            input_ids: ``[batch, tokens]``.
            attention_mask: 1 for tokens, 0 for padding, same shape.
            labels: targets between 0 and 1, ``[batch, labels]``.
        """
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weight = attention_mask[:, :, None].to(states.dtype)
        pooled = (states * weight).sum(dim=1) / weight.sum(dim=1)
        logits = self.head(self.dropout(self.pooled_norm(pooled)))
        if labels is None:
            return {"logits": logits}
        loss = functional.binary_cross_entropy_with_logits(logits.float(), labels)
        return {"loss": loss, "logits": logits}


def load_encoder(folder: Path) -> BertModel:
    """The encoder of a base folder in single precision; nothing is asked of a network.

    Raises:
        ModelError: it is no BERT with GELU, cannot be read, or lacks weights.
    """
    base_config(folder)
    try:
        loaded: Any = BertModel.from_pretrained(
            str(folder),
            add_pooling_layer=False,
            dtype=torch.float32,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # of transformers and of safetensors' Rust side
        reason = " ".join(str(error).split())
        raise ModelError(f"{folder}: the encoder cannot be read ({reason}); make or get it again") from None
    encoder, info = loaded
    missing = sorted(info["missing_keys"])
    if missing:
        raise ModelError(f"{folder}: {len(missing)} weights are missing, such as {missing[0]}; get it again")
    assert isinstance(encoder, BertModel)
    return encoder
