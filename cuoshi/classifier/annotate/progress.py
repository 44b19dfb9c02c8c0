"""What a person sees of a run under way: a bar on a terminal, a plain line a minute elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from cuoshi.classifier.annotate.journal import State

EVERY = 60.0
"""Seconds between plain lines."""


class Pace:
    """How fast this stretch of a run is, and how long it will take; reading over what was done is no work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._paragraphs = self._characters = self._read = 0
        self._total: int | None = None

    def begin(self, state: State, total: int | None) -> None:
        """Start the clock at what is done already."""
        self._begun = self._clock()
        self._paragraphs, self._characters = state.tally.paragraphs, state.tally.characters
        self._read = state.position.read if state.position else 0
        self._total = total

    def share(self, state: State) -> float | None:
        """The share of the bytes of the inputs that is done, from 0 to 1."""
        if not self._total:
            return None
        return min(1.0, (state.position.read if state.position else 0) / self._total)

    def rates(self, state: State) -> tuple[float, float]:
        """Paragraphs and characters a second."""
        seconds = max(1e-6, self._clock() - self._begun)
        return (
            (state.tally.paragraphs - self._paragraphs) / seconds,
            (state.tally.characters - self._characters) / seconds,
        )

    def left(self, state: State) -> float | None:
        """Seconds that are left, if the rest goes as fast."""
        done = (state.position.read if state.position else 0) - self._read
        if not self._total or done <= 0:
            return None
        return (self._clock() - self._begun) * (self._total - self._read - done) / done


def line(state: State, pace: Pace) -> str:
    """Where a run stands, on one line."""
    share, left = pace.share(state), pace.left(state)
    paragraphs, characters = pace.rates(state)
    parts = [f"{share:.1%}"] if share is not None else []
    parts.append(f"{state.tally.paragraphs:,} paragraphs")
    parts.append(f"{per_second(paragraphs)}/s, {per_second(characters)} characters/s")
    if left is not None:
        parts.append(f"{duration(left)} left")
    parts.append(f"{state.tally.rejects:,} rejected")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """``1:02:03``, without the hours ``2:03``."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def per_second(rate: float) -> str:
    """A rate in whole numbers; a low one with a decimal, for it is not nothing."""
    return f"{rate:,.1f}" if 0 < rate < 10 else f"{rate:,.0f}"


class PlainProgress:
    """Says every :data:`EVERY` seconds where the run stands."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._pace = Pace(clock)
        self._last = clock()

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def begun(self, state: State, total: int | None) -> None:
        """See :class:`cuoshi.classifier.annotate.job.Listener`."""
        self._pace.begin(state, total)
        self._last = self._clock()

    def stored(self, state: State) -> None:
        """See :class:`cuoshi.classifier.annotate.job.Listener`."""
        if self._clock() - self._last >= EVERY:
            self._last = self._clock()
            self._say(line(state, self._pace))

    def notice(self, text: str) -> None:
        """See :class:`cuoshi.classifier.annotate.job.Listener`."""
        self._say(f"cuoshi: {text}")


class BarProgress:
    """A bar that fills, with the rates beside it; for a terminal."""

    def __init__(self, console: Console) -> None:
        self._pace = Pace()
        self._progress = Progress(
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TextColumn("{task.fields[rates]}"),
            TimeElapsedColumn(),
            _Left(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("annotating", total=None, rates="", end=None)

    def __enter__(self) -> BarProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begun(self, state: State, total: int | None) -> None:
        """See :class:`cuoshi.classifier.annotate.job.Listener`."""
        self._pace.begin(state, total)
        self._progress.update(self._task, total=total or None)
        self._show(state)

    def stored(self, state: State) -> None:
        """See :class:`cuoshi.classifier.annotate.job.Listener`."""
        self._show(state)

    def notice(self, text: str) -> None:
        """See :class:`cuoshi.classifier.annotate.job.Listener`."""
        self._progress.console.print(f"cuoshi: {text}", markup=False, highlight=False)

    def _show(self, state: State) -> None:
        paragraphs, characters = map(per_second, self._pace.rates(state))
        left = self._pace.left(state)
        rejected = f" · {state.tally.rejects:,} rejected" if state.tally.rejects else ""
        self._progress.update(
            self._task,
            completed=state.position.read if state.position else 0,
            rates=f"{state.tally.paragraphs:,} done · {paragraphs}/s · {characters} chars/s{rejected}",
            end=None if left is None else time.monotonic() + left,
        )


class _Left(ProgressColumn):
    """The time that is left: it goes on counting down while a chunk is worked on."""

    def render(self, task: Task) -> Text:
        end = task.fields["end"]
        return Text("" if end is None else f"{duration(max(0.0, end - time.monotonic()))} left")
