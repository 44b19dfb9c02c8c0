"""The default engine in several processes of one thread each.

Processes are started afresh (spawn), never forked, so that threads and locks of the program are not copied.
They end with the program: at its end, at Ctrl-C, and when it is killed.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

import numpy as np

from cuoshi.classifier.engines import Scores, TokenIds
from cuoshi.classifier.engines.batches import equal_batches
from cuoshi.classifier.engines.onnx import TOKENS_A_BATCH, OnnxEngine
from cuoshi.classifier.errors import UsageError, WorkerError

_Result = TypeVar("_Result")


class WorkerEngine:
    """Scores in ``workers`` processes; each loads the graph once."""

    def __init__(self, path: Path, workers: int) -> None:
        """Start the processes.

        Raises:
            ModelError: the graph cannot be loaded.
            UsageError: fewer than one worker.
            WorkerError: the processes do not start.
        """
        if workers < 1:
            raise UsageError(f"workers {workers}: give a number from 1 on")
        self._path = str(path)
        self._pool = ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare
        )
        # Every job asked for starts one more process, so that all load at the same time.
        found = self._results([self._submit(_labels) for _ in range(workers)])
        self.labels: int = found[0]

    def scores(self, rows: Sequence[TokenIds]) -> Scores:
        """See :class:`cuoshi.classifier.engines.Engine`.

        Raises:
            WorkerError: a process was killed.
        """
        result = np.empty((len(rows), self.labels), dtype=np.float32)
        batches = equal_batches(rows, TOKENS_A_BATCH)
        jobs = [self._submit(_scores, np.stack([rows[i] for i in batch])) for batch in batches]
        for batch, part in zip(batches, self._results(jobs), strict=True):
            result[batch] = part
        return result

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, function: Callable[..., _Result], *values: object) -> Future[_Result]:
        try:
            return self._pool.submit(function, self._path, *values)
        except (BrokenProcessPool, RuntimeError):
            raise _broken() from None

    def _results(self, jobs: list[Future[_Result]]) -> list[_Result]:
        try:
            return [job.result() for job in jobs]
        except BrokenProcessPool:
            raise _broken() from None
        finally:
            for job in jobs:
                job.cancel()


def _broken() -> WorkerError:
    return WorkerError(
        "a worker process ended before its work (killed, out of memory, or a script without "
        "if __name__ == '__main__':); run again with fewer workers, or with none"
    )


def _prepare() -> None:
    """In a new process: leave Ctrl-C to the program, and end when it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@functools.lru_cache(maxsize=1)
def _engine(path: str) -> OnnxEngine:
    return OnnxEngine(Path(path), threads=1)


def _labels(path: str) -> int:
    return _engine(path).labels


def _scores(path: str, ids: TokenIds) -> Scores:
    return _engine(path).run(ids)
