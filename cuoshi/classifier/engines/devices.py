"""Which device labels: what was asked for, what there is, and why it was chosen."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import re
import sys
from dataclasses import dataclass

from cuoshi.classifier.errors import MissingExtraError, UsageError

AUTO = "auto"
CPU = "cpu"


@dataclass(frozen=True)
class Device:
    """``name`` is ``cpu`` or ``cuda:N``; ``why`` completes the sentence that says so."""

    name: str
    why: str

    @property
    def is_cuda(self) -> bool:
        return self.name != CPU


def choose_device(wanted: str = AUTO) -> Device:
    """The device to label on.

    Args:
        wanted: ``auto`` (CUDA where PyTorch and a device are there, else the CPU), ``cpu``, ``cuda`` or
            ``cuda:N``.

    Raises:
        UsageError: another word, or CUDA is asked for and there is no such device.
        MissingExtraError: CUDA is asked for and PyTorch is not installed.
    """
    match = re.fullmatch(r"auto|cpu|cuda(?::([0-9]{1,3}))?", wanted)
    if match is None:
        raise UsageError(
            f"device '{wanted}': give auto, cpu, cuda or cuda:N, N the number of a device from 0"
        )
    if wanted == CPU:
        return Device(CPU, "as asked")
    if importlib.util.find_spec("torch") is None:
        if wanted == AUTO:
            return Device(CPU, "PyTorch is not installed")
        raise MissingExtraError("torch", "gpu")
    # Importing torch takes seconds; without a driver there is no need to.
    if wanted == AUTO and driver_devices() == 0:
        return Device(CPU, "no CUDA device found")
    found = torch_devices()
    number = int(match.group(1) or 0)
    if wanted == AUTO:
        if found == 0:
            return Device(CPU, "this PyTorch finds no CUDA device")
        return Device(
            "cuda:0", f"the first of {found} CUDA devices" if found > 1 else "a CUDA device is there"
        )
    if found == 0:
        raise UsageError(f"device '{wanted}': PyTorch finds no CUDA device; use --device cpu or auto")
    if number >= found:
        raise UsageError(f"device '{wanted}': there are {found}, numbered from 0 to {found - 1}")
    return Device(f"cuda:{number}", "as asked")


def driver_devices() -> int:
    """How many devices the CUDA driver knows; 0 without a driver."""
    count = ctypes.c_int(0)
    with contextlib.suppress(OSError, AttributeError):
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0


def torch_devices() -> int:
    """How many CUDA devices PyTorch can use."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
