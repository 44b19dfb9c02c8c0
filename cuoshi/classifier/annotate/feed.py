"""The inputs of a run as chunks: the same chunks whenever the inputs are the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cuoshi.classifier.annotate.inputs import Input
from cuoshi.classifier.annotate.items import ArticleBytes, Item
from cuoshi.classifier.annotate.plan import Plan, Reject, Unit
from cuoshi.classifier.annotate.readers import Reader, open_reader
from cuoshi.classifier.annotate.tally import SHOWN, SeenIds, Tally
from cuoshi.classifier.annotate.units import article_units, bad_row, row_ident, row_units, usable
from cuoshi.classifier.errors import CuoshiError
from cuoshi.classifier.reading import read_bytes
from cuoshi.classifier.rows import BadRow, InputChangedError, Row

FIRST_CHUNK = 32
"""Paragraphs of the first chunk: small, so that the first result is there soon."""
CHUNK_CHARACTERS = 2_000_000


@dataclass(frozen=True)
class Position:
    """How far a run came: ``items`` of input number ``input``, with count and SHA-256 of the bytes read.

    The hash is empty where the input had ended: then that of the whole is known. ``read`` counts the bytes
    of all inputs, for showing progress.
    """

    input: int
    items: int
    count: int
    sha256: str
    read: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Finished:
    """An input that was read to its end."""

    input: int
    items: int
    count: int
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Start:
    """Where a resumed run begins: behind chunk ``chunks - 1``, at ``position``; and what it had finished."""

    chunks: int
    position: Position
    finished: Mapping[int, str]


@dataclass
class Chunk:
    """A number of paragraphs, what was rejected between them, and where the input stands behind them."""

    number: int
    limit: int
    units: list[Unit] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    finished: list[Finished] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    position: Position | None = None
    characters: int = 0

    def is_full(self) -> bool:
        """Whether it has as many paragraphs, characters or inputs as a chunk may have."""
        return (
            len(self.units) >= self.limit
            or self.characters >= CHUNK_CHARACTERS
            or self.tally.inputs >= 4 * self.limit
        )

    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.units or self.rejects or self.finished or self.tally.inputs)


def chunks(inputs: Sequence[Input], plan: Plan, start: Start | None = None) -> Iterator[Chunk]:
    """Read the inputs once, in order; with ``start`` only what comes behind it, having checked the rest.

    Raises:
        InputChangedError: an input is not, or not any more, what it was when the run began.
    """
    feed = _Feed(plan, start)
    for index, each in enumerate(inputs):
        yield from feed.read(index, each)
    if feed.start is not None:
        raise _other(inputs[feed.start.position.input])
    if feed.chunk.number == 0 or not feed.chunk.is_empty():
        yield feed.closed()


class _Feed:
    """The chunk that is being filled, and what has to be known from one input to the next."""

    def __init__(self, plan: Plan, start: Start | None) -> None:
        self.plan = plan
        self.start = start
        self.known = start.finished if start else {}
        self.chunk = self._begun(start.chunks if start else 0)
        self.seen = SeenIds()
        self.before = 0
        self.at = start.position if start else Position(0, 0, 0, "", 0)

    def read(self, index: int, each: Input) -> Iterator[Chunk]:
        with contextlib.closing(open_reader(each, self.plan.encoding)) as reader:
            yield from self._read(index, each, reader)

    def _read(self, index: int, each: Input, reader: Reader) -> Iterator[Chunk]:
        name = each.name
        done = 0
        for item in reader.items():
            done += 1
            if self.start is not None:
                self._pass_over(item, index, each, done, reader)
                continue
            self._add(item, name)
            if self.chunk.is_full():
                self.at = Position(index, done, reader.count, reader.digest(), self.before + reader.count)
                yield self.closed()
        notice = reader.finish()
        self.before += reader.count
        self.at = Position(index, done, reader.count, "", self.before)
        if self.known.get(index, reader.digest()) != reader.digest():
            raise _other(each)
        if self.start is not None and index == self.start.position.input:
            if done != self.start.position.items:
                raise _other(each)
            self.start = None  # it had ended there
        if index not in self.known:
            self.chunk.finished.append(Finished(index, done, reader.count, reader.digest()))
            self.chunk.notices += [notice] if notice else []

    def closed(self) -> Chunk:
        """The chunk as it is; the next one begins."""
        chunk, self.chunk = self.chunk, self._begun(self.chunk.number + 1)
        chunk.position = self.at
        return chunk

    def _begun(self, number: int) -> Chunk:
        """An empty chunk; each of the first is twice as large as the one before."""
        return Chunk(number, min(self.plan.save_every, FIRST_CHUNK << min(number, 30)))

    def _pass_over(self, item: Item, index: int, each: Input, done: int, reader: Reader) -> None:
        assert self.start is not None
        if isinstance(item, Row):
            self._is_known(item)
        goal = self.start.position
        if (index, done) == (goal.input, goal.items):
            if goal.sha256 and reader.digest() != goal.sha256:
                raise _other(each)
            self.start = None

    def _is_known(self, row: Row) -> bool:
        """Whether the id of a row came before."""
        ident = row_ident(row, self.plan)
        return ident is not None and self.seen.met(str(ident))

    def _add(self, item: Item, file: str) -> None:
        chunk = self.chunk
        chunk.tally.inputs += 1
        made: Sequence[Unit] | Reject
        if isinstance(item, Row):
            if self._is_known(item):
                chunk.tally.duplicates += 1
                if len(chunk.tally.duplicate_places) < SHOWN:
                    ident = str(row_ident(item, self.plan))[:80]
                    chunk.tally.duplicate_places.append(f"{item.where} ('{ident}')")
            made = row_units(item, self.plan, file)
        elif isinstance(item, BadRow):
            made = bad_row(item, file)
        elif isinstance(item, Reject):
            made = item
        else:
            made = _article(item, file, self.plan)
        if isinstance(made, Reject):
            rejects = [made]
        else:
            good, rejects = usable(made, self.plan, file)
            chunk.units += good
            chunk.characters += sum(len(unit.text) for unit in good)
        chunk.rejects += rejects
        chunk.tally.rejects += len(rejects)


def _article(item: ArticleBytes, name: str, plan: Plan) -> Sequence[Unit] | Reject:
    try:
        return article_units(read_bytes(item.data, item.name or name, encoding=plan.encoding))
    except CuoshiError as error:
        return Reject(item.name or name, str(error), item.name or name)


def _other(each: Input) -> InputChangedError:
    return InputChangedError(
        f"{each.name}: is not what it was when the run began; put that back, or start again with --force"
    )
