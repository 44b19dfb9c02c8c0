"""ONNX Runtime on the CPU, the default engine.

Rows of one length are computed together, without padding; every batch runs on one thread, and batches run
side by side. The graph quantises every token by itself, so a row's scores are the same in any batch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from cuoshi.classifier.engines import Scores, TokenIds
from cuoshi.classifier.engines.batches import equal_batches
from cuoshi.classifier.errors import ModelError

# More tokens a batch reuse weights that are in the cache, until the activations no longer fit into its 2 MB.
TOKENS_A_BATCH = 256
PROBE = "exact"
PROBE_SIZE = 32
PROBE_SUM = PROBE_SIZE * 255 * 127


class OnnxEngine:
    """Runs ``model.int8.onnx``: input ``input_ids`` [rows, tokens], output ``scores`` [rows, ``labels``]."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Load the graph.

        Args:
            path: of the graph, beside ``model.safetensors``.
            threads: how many batches are computed at once; as many as there are processors by default.

        Raises:
            ModelError: the graph cannot be loaded or is of an older form.
        """
        self._session = _open(path, exact=False)
        if [output.name for output in self._session.get_outputs()] != ["scores", PROBE]:
            raise ModelError(
                f"{path}: a graph of an older form; run: python -m cuoshi.training.regraph FOLDER"
            )
        self.labels: int = self._session.get_outputs()[0].shape[-1]
        if not self._sums_are_exact():
            self._session = _open(path, exact=True)
        self.threads = threads or usable_cpus()

    def scores(self, rows: Sequence[TokenIds]) -> Scores:
        """See :class:`cuoshi.classifier.engines.Engine`."""
        result = np.empty((len(rows), self.labels), dtype=np.float32)

        def run(batch: list[int]) -> None:
            result[batch] = self.run(np.stack([rows[i] for i in batch]))

        batches = equal_batches(rows, TOKENS_A_BATCH)
        if self.threads == 1 or len(batches) <= 1:
            for batch in batches:
                run(batch)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(run, batches))
        return result

    def run(self, ids: TokenIds) -> Scores:
        """Scores ``[rows, labels]`` of rows of one length, ``[rows, tokens]``, on this thread."""
        scores: Scores = self._session.run(["scores"], {"input_ids": ids})[0]
        return scores

    def close(self) -> None:
        """Nothing to give back: threads end with each call."""

    def _sums_are_exact(self) -> bool:
        """Whether this processor adds products of 8-bit numbers without overflow.

        Those with VNNI (and ARM) do. Older x64 processors cut sums of u8 x s8 products off at 16 bits, and
        would give other scores; the graph carries a product that shows it.
        """
        probe = self._session.run([PROBE], {"input_ids": np.zeros((1, 2), dtype=np.int64)})[0]
        return bool((probe == PROBE_SUM).all())


def _open(path: Path, exact: bool) -> Any:
    """A session of one thread; ``exact`` computes u8 x u8, slower, where u8 x s8 overflows."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if exact:
        options.add_session_config_entry("session.x64quantprecision", "1")
    else:
        # The extended level fuses Add into Gelu and LayerNormalization, whose fused kernels are the slower.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises classes of its C++ side
        raise ModelError(f"{path}: ONNX Runtime cannot load it ({error}); get the model again") from None


def usable_cpus() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
