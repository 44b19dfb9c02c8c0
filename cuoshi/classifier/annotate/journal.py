"""The journal of a run: a line a chunk, written when all of the chunk's output lies safely on the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cuoshi.classifier.annotate.feed import Position, Start
from cuoshi.classifier.annotate.tally import Tally
from cuoshi.classifier.errors import DataError
from cuoshi.classifier.names import printable


@dataclass
class State:
    """A run after a chunk: all that is needed to go on behind it.

    ``output`` is what the sink needs, ``rejects`` the length of the rejects file in bytes, ``finished`` what
    is known of inputs that were read to their end, by number, ``seconds`` the time worked.
    """

    chunks: int = 0
    position: Position | None = None
    output: dict[str, Any] = field(default_factory=dict)
    rejects: int = 0
    tally: Tally = field(default_factory=Tally)
    finished: dict[int, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0

    def start(self) -> Start | None:
        """Where to go on reading; None at the very beginning."""
        if self.position is None:
            return None
        known = {number: str(value["sha256"]) for number, value in self.finished.items()}
        return Start(self.chunks, self.position, known)


class Journal:
    """Appends to the journal; ``truncate`` forgets what it says."""

    def __init__(self, path: Path, length: int = 0) -> None:
        self._stream = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self._stream.truncate(length)
        self._stream.seek(length)

    def commit(self, state: State, finished: Mapping[int, Mapping[str, Any]]) -> None:
        """Write a line and wait until the disk has it; ``finished`` are the inputs that this chunk ended."""
        line = {
            "chunks": state.chunks,
            "position": state.position.as_dict() if state.position else None,
            "output": state.output,
            "rejects": state.rejects,
            "tally": state.tally.as_dict(),
            "finished": finished,
            "seconds": round(state.seconds, 3),
        }
        data = memoryview((json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "replace"))
        while data:
            data = data[self._stream.write(data) :]
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def read_journal(path: Path) -> tuple[State, int]:
    """The state of the last whole line, and the length of the journal up to its end.

    A last line that is torn is left out; without a whole line the state is that of the beginning.

    Raises:
        DataError: the journal is damaged before its last line.
    """
    state, length = State(), 0
    if not path.exists():
        return state, length
    with path.open("rb") as stream:
        for data in stream:
            try:
                line = json.loads(data)
                _apply(state, line)
            except (ValueError, KeyError, TypeError):
                if stream.read(1):
                    raise DataError(
                        f"{printable(path)}: damaged at byte {length}; start again with --force"
                    ) from None
                break
            if not data.endswith(b"\n"):  # whole but for its end: written once more
                break
            length += len(data)
    return (state, length) if length else (State(), 0)


def _apply(state: State, line: dict[str, Any]) -> None:
    state.chunks = line["chunks"]
    state.position = Position(**line["position"])
    state.output = line["output"]
    state.rejects = line["rejects"]
    state.tally = Tally.from_dict(line["tally"])
    state.finished |= {int(number): value for number, value in line["finished"].items()}
    state.seconds = line["seconds"]
