"""A pipeline of two steps over an endless sequence, in order, with bounded memory."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 2
FIRST_WINDOW = 64

_In = TypeVar("_In")
_Middle = TypeVar("_Middle")
_Out = TypeVar("_Out")


def windows(items: Iterable[_In], size: int) -> Iterator[tuple[int, list[_In]]]:
    """Items in lists of at most ``size``, each with the number of its first item, from 1.

    The first list is short and the next ones double, so that the first result comes soon.
    """
    source = iter(items)
    at, wanted = 1, min(FIRST_WINDOW, size)
    while part := list(itertools.islice(source, wanted)):
        yield at, part
        at += len(part)
        wanted = min(2 * wanted, size)


def pipeline(
    items: Iterable[_In],
    size: int,
    first: Callable[[int, list[_In]], _Middle],
    second: Callable[[_Middle], Sequence[_Out]],
) -> Iterator[_Out]:
    """Results of ``second(first(number, window))``, item by item, in order.

    ``first`` and ``second`` have a thread each, so that they overlap with each other and with whoever takes
    the results; at most :data:`AHEAD` windows are under way. An error comes out where its window would.
    """
    one, two = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    waiting: deque[Future[Sequence[_Out]]] = deque()

    def step(middle: Future[_Middle]) -> Sequence[_Out]:
        return second(middle.result())

    try:
        for number, window in windows(items, size):
            waiting.append(two.submit(step, one.submit(first, number, window)))
            if len(waiting) > AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        # A window that is not started any more would leave the second step waiting for the first.
        two.shutdown(wait=False, cancel_futures=True)
        one.shutdown()
        two.shutdown()
