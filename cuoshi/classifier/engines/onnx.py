"""ONNX Runtime on the CPU, the default engine.

Dynamic int8 takes the scale of the activations from the whole input tensor, so in a padded batch a
paragraph's scores would depend on its neighbours. Every row is therefore run by itself, without padding,
and rows run side by side on one thread each.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cuoshi.classifier.engines import Scores, TokenIds
from cuoshi.classifier.errors import ModelError


class OnnxEngine:
    """Runs ``model.int8.onnx``: input ``input_ids`` [1, tokens], output ``scores`` [1, ``labels``]."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Without VNNI, sums of u8 × s8 products overflow their 16 bits: processors would differ in scores.
        options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises classes of its C++ side
            raise ModelError(f"{path}: ONNX Runtime cannot load it ({error}); get the model again") from None
        self.labels: int = self._session.get_outputs()[0].shape[-1]
        self._threads = threads or usable_cpus()

    def scores(self, rows: Sequence[TokenIds]) -> Scores:
        """See :class:`cuoshi.classifier.engines.Engine`."""
        result = np.empty((len(rows), self.labels), dtype=np.float32)

        def run(index: int) -> None:
            result[index] = self._session.run(None, {"input_ids": rows[index][None, :]})[0][0]

        longest_first = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
        if self._threads == 1 or len(rows) <= 1:
            for index in longest_first:
                run(index)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(run, longest_first))
        return result


def usable_cpus() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
