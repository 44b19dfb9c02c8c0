"""The inputs of a run: names on the command line into an ordered list of files."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from cuoshi.classifier.errors import CuoshiError, UsageError
from cuoshi.classifier.names import printable, shortened
from cuoshi.classifier.reading import find_files
from cuoshi.classifier.rows import is_table, table_format
from cuoshi.classifier.rows.source import STDIN

REJECTS = "rejects.jsonl"


@dataclass(frozen=True)
class Input:
    """A file to annotate: ``table``, ``article`` or ``rejects`` of an earlier run; size and time at first.

    Both are None for standard input and pipes.
    """

    path: Path
    kind: str
    size: int | None
    mtime_ns: int | None

    @property
    def name(self) -> str:
        """The name as it is shown."""
        return printable(self.path)


def find_inputs(names: Sequence[str], output: Sequence[Path] = ()) -> list[Input]:
    """The files that ``names`` mean (files, folders of articles, globs, ``-``), each once, in order.

    A glob may match files of the ``output`` of the run when it is begun again: it leaves them out.

    Raises:
        UsageError: there is nothing of a name, or a folder cannot be searched.
    """
    found: dict[str, Path] = {}
    own = {os.path.realpath(path) for path in output}
    for name in names:
        for path in _paths(name, own):
            found.setdefault(os.path.realpath(path) if path != STDIN else str(STDIN), path)
    if not found:
        raise UsageError("no inputs; name files, folders, globs or -")
    return [_input(path) for path in found.values()]


def _paths(name: str, own: Set[str]) -> list[Path]:
    if name == str(STDIN):
        return [STDIN]
    if glob.has_magic(name) and not os.path.exists(name):  # noqa: PTH110 - takes a name of any length
        matches = glob.glob(name, recursive=True)  # noqa: PTH207 - a name may be absolute
        matches = sorted(match for match in matches if os.path.realpath(match) not in own)
        if not matches:
            raise UsageError(f"{shortened(name)}: matches no file; check the pattern")
        return [path for match in matches for path in _below(match)]
    return _below(name)


def _below(name: str) -> list[Path]:
    paths: list[Path] = []
    for file in find_files(name, advice="check the name"):
        if isinstance(file, CuoshiError):
            raise UsageError(str(file))
        paths.append(file)
    return paths


def _input(path: Path) -> Input:
    kind = "table" if is_table(path) else "article"
    if path.name == REJECTS or path.name.endswith(f".{REJECTS}"):
        kind = "rejects"
    if path == STDIN or not path.is_file():
        return Input(path, kind, None, None)
    status = path.stat()
    return Input(path, kind, status.st_size, status.st_mtime_ns)


def is_open_ended(each: Input) -> bool:
    """Whether later rows of an input may have columns that the first did not have."""
    return each.kind == "rejects" or (each.kind == "table" and table_format(each.path) in (None, "jsonl"))
