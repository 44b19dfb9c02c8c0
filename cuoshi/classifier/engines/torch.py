"""The network in plain PyTorch, the engine for CUDA; its weights are those that the ONNX file points to.

A BERT encoder (post-norm, GELU, learned positions) whose token states are averaged, normalised and
mapped to one logit a label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cuoshi.classifier.engines import Scores, TokenIds
from cuoshi.classifier.engines.batches import padded_batches
from cuoshi.classifier.modelfolder import ModelConfig
from cuoshi.classifier.weights import unpack

TOKENS_A_BATCH = 4_096
CUDA_TOKENS_A_BATCH = 32_768


class _Attention(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.heads = config.num_attention_heads
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)
        self.output = nn.Linear(size, size)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        batch, length, size = states.shape
        shape = (batch, length, self.heads, size // self.heads)
        query, key, value = (
            layer(states).view(shape).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        merged: Tensor = self.output(mixed.transpose(1, 2).reshape(batch, length, size))
        return merged


class _Layer(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = _Attention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.inner = nn.Linear(config.hidden_size, config.intermediate_size)
        self.outer = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        states = self.attention_norm(states + self.attention(states, mask))
        result: Tensor = self.output_norm(states + self.outer(functional.gelu(self.inner(states))))
        return result


class Network(nn.Module):
    """Token ids to logits.

    Input ``ids`` of shape ``[batch, tokens]``, padded with ``pad_id``, which is masked; output
    ``[batch, labels]``.
    """

    def __init__(self, config: ModelConfig, labels: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.pad_id = config.pad_id
        self.words = nn.Embedding(config.vocab_size, size)
        self.positions = nn.Embedding(config.max_position_embeddings, size)
        self.types = nn.Embedding(config.type_vocab_size, size)
        self.norm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))
        self.pooled_norm = nn.LayerNorm(size, elementwise_affine=False)
        self.head = nn.Linear(size, labels)

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        states = self.norm(self.words(ids) + self.positions(places) + self.types.weight[0])
        mask = ids != self.pad_id
        for layer in self.layers:
            states = layer(states, mask[:, None, None, :])
        weight = mask[:, :, None].float()
        pooled = (states * weight).sum(dim=1) / weight.sum(dim=1)
        logits: Tensor = self.head(self.pooled_norm(pooled))
        return logits


_RENAMED = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "inner",
    "output.dense": "outer",
    "output.LayerNorm": "output_norm",
}
_EMBEDDINGS = {
    "embeddings.word_embeddings": "words",
    "embeddings.position_embeddings": "positions",
    "embeddings.token_type_embeddings": "types",
    "embeddings.LayerNorm": "norm",
}


def network_name(name: str) -> str:
    """The name in :class:`Network` of a parameter of a trained classifier (``encoder.…`` or ``head.…``)."""
    stem, _, kind = name.removeprefix("encoder.").rpartition(".")
    if stem in _EMBEDDINGS:
        return f"{_EMBEDDINGS[stem]}.{kind}"
    if stem.startswith("encoder.layer."):
        number, _, part = stem.removeprefix("encoder.layer.").partition(".")
        return f"layers.{number}.{_RENAMED[part]}.{kind}"
    return name


def load_network(weights: Path, config: ModelConfig, labels: int) -> Network:
    """The network with the weights of ``model.safetensors``, in single precision, ready to predict."""
    from safetensors.numpy import load_file

    network = Network(config, labels)
    state = unpack(load_file(str(weights)))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return network.eval()


class TorchEngine:
    """Scores with PyTorch on ``device``, in padded batches of rows of like length; in bf16 on CUDA."""

    def __init__(self, network: Network, device: str = "cpu", compiled: bool = False) -> None:
        """Move the network to the device.

        Args:
            network: in single precision.
            device: ``cpu`` or ``cuda:N``.
            compiled: with torch.compile, which takes a minute to pay.
        """
        self._device = torch.device(device)
        self._cuda = self._device.type == "cuda"
        dtype = torch.bfloat16 if self._cuda else torch.float32
        self._network = network.to(self._device, dtype).eval()
        self.labels = network.head.out_features
        # Averages, their norm and the head in single precision: they cost nothing and decide the score.
        self._network.head.float()
        self._call: Callable[[Tensor], Tensor] = self._network
        if compiled:
            self._call = torch.compile(self._network, dynamic=True)

    @torch.inference_mode()
    def scores(self, rows: Sequence[TokenIds]) -> Scores:
        """See :class:`cuoshi.classifier.engines.Engine`; scores differ by rounding with the padding."""
        if not rows:
            return np.empty((0, self.labels), dtype=np.float32)
        batches = padded_batches(rows, CUDA_TOKENS_A_BATCH if self._cuda else TOKENS_A_BATCH)
        found: list[Tensor] = []
        for batch in batches:
            ids = padded([rows[i] for i in batch], self._network.pad_id)
            if self._cuda:  # what is sent from pinned memory does not hold up the next batch
                ids = ids.pin_memory()
            found.append(torch.sigmoid(self._call(ids.to(self._device, non_blocking=True))))
        # One wait for all batches: while the device computes one, the next is put together.
        result = np.empty((len(rows), self.labels), dtype=np.float32)
        result[[i for batch in batches for i in batch]] = torch.cat(found).float().cpu().numpy()
        return result

    def close(self) -> None:
        """Nothing to give back."""


def padded(rows: Sequence[Sequence[int] | TokenIds], pad_id: int) -> Tensor:
    """Token ids as one tensor ``[rows, tokens]``, padded with ``pad_id`` to the longest row."""
    ids = np.full((len(rows), max(map(len, rows))), pad_id, dtype=np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    return torch.from_numpy(ids)
