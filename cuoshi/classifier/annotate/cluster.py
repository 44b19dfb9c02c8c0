"""A Ray cluster: connecting to it, or starting one, and what of it a run takes."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import io
import logging
import os
import re
import signal
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cuoshi.classifier.engines.devices import AUTO, CPU
from cuoshi.classifier.errors import MissingExtraError, UsageError, WorkerError
from cuoshi.classifier.predict import CUDA_WINDOW, WINDOW

LOCAL = "local"
CUDA = "cuda"
_STORE = 512 << 20
"""Bytes of shared memory for results under way, of a cluster that is started here."""
_PATIENCE = 10.0
"""Seconds to wait for a cluster to answer."""
_REMARK = 200
_HERE = "127.0.0.1"
"""Where a cluster that is started here listens: nobody outside of this machine can send it work."""


@dataclass(frozen=True)
class Cluster:
    """A cluster this process is connected to, and what of it a run takes: ``actors`` on ``device``.

    ``threads`` is what an actor has on the CPU; ``room`` how many actors the cluster has room for now.
    """

    actors: int
    device: str
    threads: int
    room: int
    machines: int
    cpus: int
    gpus: int

    @property
    def window(self) -> int:
        """How many paragraphs an actor takes at once, at least."""
        return CUDA_WINDOW if self.device == CUDA else WINDOW

    def __str__(self) -> str:
        each = "a GPU each" if self.device == CUDA else f"{self.threads} CPU each"
        waiting = f", room for {self.room} now" if self.room < self.actors else ""
        return (
            f"Ray, {self.actors} on {self.device}, {each}{waiting}; "
            f"machines {self.machines}, CPUs {self.cpus}, GPUs {self.gpus}"
        )

    def as_dict(self) -> dict[str, Any]:
        """What the manifest says of the engine."""
        return {
            "name": "ray",
            "ray": importlib.metadata.version("ray"),
            "device": self.device,
            "threads": self.threads if self.device == CPU else None,
            "workers": self.actors,
            "machines": self.machines,
            "cpus": self.cpus,
            "gpus": self.gpus,
        }


@contextlib.contextmanager
def connected(address: str, device: str, workers: int | None, threads: int | None) -> Iterator[Cluster]:
    """Connect to a cluster, or start one of this machine alone; it is left, or ended, at the end.

    Args:
        address: ``local`` to start one, ``auto`` for the one this machine belongs to, or ``HOST:PORT``.
        device: ``auto`` (GPUs where the cluster has some), ``cpu`` or ``cuda``.
        workers: how many actors; as many as there are devices by default.
        threads: CPUs of an actor on the CPU, 1 by default.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: there is no such cluster, or it has no machine with room for an actor.
    """
    if device not in (AUTO, CPU, CUDA):
        raise UsageError(f"device '{device}': give auto, cpu or cuda; Ray chooses among the devices")
    if "://" in address:
        raise UsageError(
            f"--address {address}: not over Ray Client; run the command on a machine of the cluster, with "
            "--address auto or HOST:PORT"
        )
    ray = _ray()
    wanted = (workers or 1) * (threads or 1) if address == LOCAL else None
    with contextlib.redirect_stdout(_Remarks()):
        try:
            _init(ray, address, wanted)
            yield share_of(ray.nodes(), device, workers, threads or 1)
        finally:
            ray.shutdown()


class _Remarks(io.TextIOBase):
    """Takes what Ray prints (workers that are lost, tasks begun again): to stderr, a short line each."""

    def write(self, text: str) -> int:
        line = re.sub(r"\x1b\[[0-9;]*m|\(raylet\)", "", text).strip()
        if line:
            print(f"cuoshi: Ray: {line.partition('. ')[0][:_REMARK]}", file=sys.stderr)  # noqa: T201
        return len(text)


def _ray() -> Any:
    """Ray, asked to be still: no reports home, no progress bars, no log on the terminal."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError:
        raise MissingExtraError("ray", "ray") from None
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.")  # few chunks for many actors
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return ray


def _init(ray: Any, address: str, cpus: int | None) -> None:
    from cuoshi.classifier.engines.onnx import usable_cpus

    own = {}
    if cpus is not None:
        own = {
            "num_cpus": max(cpus, usable_cpus()),
            "object_store_memory": _STORE,
            "include_dashboard": False,
            "_node_ip_address": _HERE,
        }
    before = signal.getsignal(signal.SIGTERM)
    try:
        _see_whether_it_is_there(address)
        with _no_stderr():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        if address == LOCAL:
            raise WorkerError(f"Ray does not start on this machine ({reason}); use --engine local") from None
        raise UsageError(
            f"--address {address}: no Ray cluster to work with ({reason}); start one with "
            "`ray start --head`, set RAY_AUTH_MODE as it is there, or leave --address out"
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)  # Ray has put its own there


def _see_whether_it_is_there(address: str) -> None:
    """Raise OSError where nothing answers at ``HOST:PORT``; Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Without what libraries write there past Python: Ray's core says that it will be still."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def share_of(nodes: Sequence[dict[str, Any]], device: str, workers: int | None, threads: int) -> Cluster:
    """What of a cluster a run takes; ``nodes`` as Ray lists them."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    cpus, gpus = ([int(node.get(what, 0)) for node in alive] for what in ("CPU", "GPU"))
    if device == AUTO:
        device = CUDA if sum(gpus) and importlib.util.find_spec("torch") else CPU
    room = sum(gpus) if device == CUDA else sum(number // threads for number in cpus)
    if not room:
        what = "a GPU" if device == CUDA else f"{threads} CPUs, as --threads asks for"
        raise UsageError(f"no machine of the cluster has {what}; see `ray status`")
    return Cluster(workers or room, device, threads, room, len(alive), sum(cpus), sum(gpus))
