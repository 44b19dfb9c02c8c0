"""Losses of multi-label learning, each a mean over ``[batch, labels]`` decisions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cuoshi.training.config import TrainConfig
from cuoshi.training.data import Targets

MAX_BALANCE = 10.0


class LabelLoss(nn.Module):
    """The loss that a config asks for.

    ``bce``: binary cross-entropy. ``focal`` (Lin et al., 2017): weighted by ``(1 - p)^gamma`` of the truth's
    probability *p*. ``asymmetric`` (Ridnik et al., 2021): one gamma for positives, another for negatives,
    whose probability is lowered by a margin first, so that easy ones count nothing.
    """

    weight: Tensor

    def __init__(self, config: TrainConfig, targets: Targets) -> None:
        super().__init__()
        self.config = config
        weights = torch.from_numpy(positive_weights(config, targets))
        # Not persistent: checkpoints hold the network's own parameters and no more.
        self.register_buffer("weight", weights, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss, a scalar, of logits against targets of 0 and 1, both ``[batch, labels]``."""
        logits = logits.float()
        smoothed = labels * (1 - 2 * self.config.smoothing) + self.config.smoothing
        if self.config.loss == "bce":
            return functional.binary_cross_entropy_with_logits(logits, smoothed, pos_weight=self.weight)
        positive = functional.logsigmoid(logits)
        if self.config.loss == "focal":
            negative = functional.logsigmoid(-logits)
            gammas = (self.config.focal_gamma, self.config.focal_gamma)
            away = (torch.exp(negative), torch.exp(positive))
        else:
            shifted = (torch.sigmoid(logits) - self.config.margin).clamp(min=0)
            negative = torch.log1p(-shifted.clamp(max=1 - 1e-6))
            gammas = (self.config.positive_gamma, self.config.negative_gamma)
            away = (1 - torch.exp(positive), shifted)
        terms = self.weight * smoothed * _power(away[0], gammas[0]) * positive
        terms = terms + (1 - smoothed) * _power(away[1], gammas[1]) * negative
        return -terms.mean()


def _power(value: Tensor, exponent: float) -> Tensor:
    """The power; its gradient at 0 stays a number."""
    return torch.ones_like(value) if exponent == 0 else value.clamp(min=1e-8).pow(exponent)


def positive_weights(config: TrainConfig, targets: Targets) -> Targets:
    """The weight of positives, one a label, from targets ``[paragraphs, labels]``."""
    if config.positive_weight != "balanced":
        return np.full(targets.shape[1], config.positive_weight, dtype=np.float32)
    positives = targets.sum(axis=0)
    ratio = (len(targets) - positives) / np.maximum(positives, 1)
    weights: Targets = np.clip(np.sqrt(ratio), 1.0, MAX_BALANCE).astype(np.float32)
    return weights
