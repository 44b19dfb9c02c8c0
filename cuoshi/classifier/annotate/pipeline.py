"""Reading, labelling and writing at the same time: a thread on either side of the one that labels."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

from cuoshi.classifier.errors import WorkerError

In = TypeVar("In")
Out = TypeVar("Out")
_WAIT = 0.2
_PATIENCE = 1.0
"""Seconds to wait for the reader, which may wait itself, for a pipe."""
_AHEAD = 2
"""Chunks that may wait on each side: enough to overlap, few enough to hold."""


class _End:
    """The last thing in a queue; with the error that ended the work, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Pipeline(Generic[In, Out]):
    """Runs ``work`` over ``source`` in the calling thread, while others pull the source and feed ``store``.

    Order is kept. Whatever stops the calling thread (Ctrl-C among it), all that was worked out is stored
    before :meth:`run` raises it on; an error of the source or of ``store`` is raised in the calling
    thread. A source that gives nothing for ``patience`` seconds, once it began to, is given up (WorkerError).
    """

    def __init__(
        self,
        source: Generator[In, None, None],
        work: Callable[[In], Out],
        store: Callable[[Out], None],
        patience: float | None = None,
    ) -> None:
        self._source = source
        self._work = work
        self._store = store
        self._patience = patience
        self._stop = threading.Event()
        self._read: queue.Queue[In | _End] = queue.Queue(_AHEAD)
        self._done: queue.Queue[Out | _End] = queue.Queue(_AHEAD)
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Do all of the work."""
        reader = threading.Thread(target=self._pull, name="reader", daemon=True)
        writer = threading.Thread(target=self._push, name="writer", daemon=True)
        reader.start()
        writer.start()
        try:
            for item in self._items():
                self._put(self._done, self._work(item))
        finally:
            self._stop.set()
            while writer.is_alive():
                try:
                    self._done.put(_End(), timeout=_WAIT)
                    break
                except queue.Full:
                    continue
            writer.join()
            reader.join(_PATIENCE)
        if self._failure is not None:
            raise self._failure

    def _items(self) -> Iterator[In]:
        last = math.inf  # to read over what is done may take its time
        while self._failure is None:
            try:
                item = self._read.get(timeout=_WAIT)
            except queue.Empty:
                if self._patience is not None and time.monotonic() - last > self._patience:
                    raise WorkerError(
                        f"no result came for {self._patience / 60:.0f} minutes from where the work is done; "
                        "see to it, then go on with --resume"
                    ) from None
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
            last = time.monotonic()

    def _put(self, to: queue.Queue[Out | _End], item: Out) -> None:
        while self._failure is None:
            try:
                to.put(item, timeout=_WAIT)
                return
            except queue.Full:
                continue

    def _pull(self) -> None:
        end = _End()
        try:
            with contextlib.closing(self._source):
                for item in self._source:
                    if not self._offer(item):
                        return
        except BaseException as error:
            end = _End(error)
        self._offer(end)

    def _offer(self, item: In | _End) -> bool:
        while not self._stop.is_set():
            try:
                self._read.put(item, timeout=_WAIT)
                return True
            except queue.Full:
                continue
        return False

    def _push(self) -> None:
        while True:
            item = self._done.get()
            if isinstance(item, _End):
                return
            try:
                self._store(item)
            except BaseException as error:
                self._failure = error
                return
