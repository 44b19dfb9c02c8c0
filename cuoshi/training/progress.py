"""What a person sees while a network learns: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from cuoshi.classifier.cli.output import notice

SECONDS_BETWEEN_LINES = 30.0


def clock(seconds: float) -> str:
    """A span of time, such as ``1:02:03`` or ``4:05``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """Reports steps, loss, macro-F1 and the time left on standard error."""

    def __init__(self, paragraphs_a_step: int, quiet: bool = False) -> None:
        self._a_step = paragraphs_a_step
        self._quiet = quiet
        self._bar = _bar() if not quiet and sys.stderr is not None and sys.stderr.isatty() else None
        self._started = self._last_line = time.monotonic()
        self._first = self._steps = self._total = 0
        self._loss = self._score = ""

    def begin(self, step: int, total: int) -> None:
        """Learning starts at a step, which is not 0 when it is taken up again."""
        self._first = self._steps = step
        self._total = total
        self._started = self._last_line = time.monotonic()
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=total, completed=step, talk="")

    def step(self, step: int, epoch: float) -> None:
        """A step is done."""
        self._steps = step
        if self._bar is not None:
            self._bar.update(self._task, completed=step, talk=self._talk(epoch))
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._line(epoch)

    def loss(self, value: float) -> None:
        """The mean loss of the last steps."""
        self._loss = f"  loss {value:.4f}"

    def score(self, epoch: float, macro_f1: float, best: float) -> None:
        """The network was evaluated."""
        mark = " (best)" if macro_f1 >= best else f" (best {best:.3f})"
        self._score = f"  macro-F1 {macro_f1:.3f}{mark}"
        self._line(epoch)

    def end(self) -> None:
        """Learning has ended."""
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        elif not self._quiet:
            notice(text)

    def _line(self, epoch: float) -> None:
        self._last_line = time.monotonic()
        self.say(f"step {self._steps:,}/{self._total:,}  {self._talk(epoch)}")

    def _talk(self, epoch: float) -> str:
        done = self._steps - self._first
        passed = time.monotonic() - self._started
        if not done or not passed:
            return f"epoch {epoch:.1f}{self._loss}{self._score}"
        rate = done * self._a_step / passed
        left = clock((self._total - self._steps) * passed / done)
        return f"epoch {epoch:.1f}{self._loss}{self._score}  {rate:.1f} paragraphs/s  {left} left"


def _bar() -> Bar:
    return Bar(
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[talk]}"),
        console=Console(stderr=True, highlight=False),
        transient=True,
    )
