"""The network as it is trained: a BERT of ``transformers``, mean pooling, a linear head a label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from cuoshi.classifier.engines.torch import network_name
from cuoshi.classifier.errors import ModelError
from cuoshi.classifier.modelfolder import WEIGHTS
from cuoshi.classifier.weights import unpack
from cuoshi.training.base import base_config, is_model_folder
from cuoshi.training.source import CONFIG_NAMES

HEAD_BIAS = -2.5  # a fresh head starts near the rate at which labels occur
DROPOUT = 0.1


class TrainableClassifier(nn.Module):
    """Token ids to logits, with dropout; parameters ``encoder.*`` and ``head.*``."""

    def __init__(self, encoder: BertModel, labels: int, loss: nn.Module | None = None) -> None:
        super().__init__()
        self.loss = loss or nn.BCEWithLogitsLoss()
        size = encoder.config.hidden_size
        self.encoder = encoder
        self.pooled_norm = nn.LayerNorm(size, elementwise_affine=False)
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(size, labels)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.constant_(self.head.bias, HEAD_BIAS)

    def checkpoint_activations(self) -> None:
        """Compute the encoder's activations again when they are needed, instead of keeping them."""
        encoder: Any = self.encoder  # its methods are not typed, and the older name is going
        if hasattr(encoder, "activation_checkpointing_enable"):
            encoder.activation_checkpointing_enable({"use_reentrant": False})
        else:
            encoder.gradient_checkpointing_enable({"use_reentrant": False})

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
        return {"loss": self.loss(logits.float(), labels), "logits": logits}


def load_encoder(folder: Path) -> BertModel:
    """The encoder of a base folder in single precision; nothing is asked of a network.

    Raises:
        ModelError: it is no BERT with GELU, cannot be read, or lacks weights.
    """
    config = base_config(folder)
    if is_model_folder(folder):
        return _encoder_of_model(folder, config)
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


def _encoder_of_model(folder: Path, config: dict[str, Any]) -> BertModel:
    """The encoder of a model folder of cuoshi, from its int8 weights."""
    shape = {name: config[name] for name in (*CONFIG_NAMES, "vocab_size", "pad_token_id")}
    encoder = BertModel(BertConfig(**shape), add_pooling_layer=False)
    stored = unpack(load_file(str(folder / WEIGHTS)))
    state = {name: torch.from_numpy(stored[network_name(f"encoder.{name}")]) for name in encoder.state_dict()}
    encoder.load_state_dict(state)
    return encoder
