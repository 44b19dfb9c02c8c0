"""What the machine can do: bfloat16, memory held on to, and which process of several this is."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import torch

from cuoshi.training.config import TrainConfig

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = 2**31 - 1


def use_bf16(config: TrainConfig) -> bool:
    """Whether to compute in bfloat16: as the config says, else where the device has the instructions for it.

    A processor without them is slower in bfloat16 than in single precision.
    """
    if config.bf16 != "auto":
        return config.bf16
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    features: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16") or features.get("bf16"))


def hold_memory() -> bool:
    """Let glibc keep freed memory for the next step instead of giving it back; whether that was done.

    Activations are freed and asked for again at every step; giving them back each time costs up to a quarter
    of the time in page faults. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))


def quiet_libraries() -> None:
    """Keep transformers and datasets from talking between the lines of this program."""
    import datasets
    from transformers.utils import logging

    transformers_talk: Any = logging  # not typed
    transformers_talk.set_verbosity_error()
    transformers_talk.disable_progress_bar()
    datasets.disable_progress_bars()


def is_main() -> bool:
    """Whether this is the one process, or of several that ``accelerate launch`` started, the first."""
    return os.environ.get("RANK", "0") == "0"


def processes() -> int:
    """How many processes learn together."""
    return int(os.environ.get("WORLD_SIZE", "1"))
