"""What a run is to do, and who watches it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cuoshi.classifier.annotate.feed import Chunk, Start
from cuoshi.classifier.annotate.inputs import Input
from cuoshi.classifier.annotate.journal import State
from cuoshi.classifier.annotate.plan import Plan
from cuoshi.classifier.annotate.target import Target
from cuoshi.classifier.annotate.work import Annotated


@dataclass(frozen=True)
class Job:
    """What is to be done: inputs in order, options, output; ``engine`` tells the manifest what computes."""

    inputs: Sequence[Input]
    plan: Plan
    target: Target
    resume: bool = False
    force: bool = False
    engine: dict[str, Any] = field(default_factory=dict)


Done = tuple[Chunk, Annotated]
"""A chunk, and what became of its paragraphs."""
Elsewhere = Callable[[Job, Start | None], Generator[Done, None, None]]
"""Does all the reading and labelling that is left of a job, behind a start; chunks come in their order."""


class Listener(Protocol):
    """Whoever watches a run. Called from another thread than the one that labels."""

    def begun(self, state: State, total: int | None) -> None:
        """The run is about to begin, or to go on; ``total`` is the bytes of all inputs, if they are known."""
        ...

    def stored(self, state: State) -> None:
        """A chunk lies on the disk."""
        ...

    def notice(self, text: str) -> None:
        """Something is worth a line."""
        ...


class Terminated(BaseException):
    """The run was asked to end by SIGTERM."""
