"""The inputs of `cuoshi label`: found first, then read one by one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cuoshi.classifier.cli.output import notice
from cuoshi.classifier.errors import CuoshiError, MissingExtraError, UsageError
from cuoshi.classifier.names import printable, shortened
from cuoshi.classifier.reading import Article, find_files, read_bytes, read_file
from cuoshi.classifier.views import Failure

STDIN = "-"


def find_inputs(names: Sequence[str]) -> list[Path | Failure]:
    """The files that ``names`` mean, each once however it is named, and what was not found.

    Standard input is ``Path("-")``.
    """
    found: dict[str, Path | Failure] = {}
    for name in names:
        if name == STDIN:
            found[STDIN] = Path(STDIN)
            continue
        try:
            files = find_files(name)
        except UsageError as error:
            found[name] = Failure(shortened(name), str(error))
            continue
        for file in files:
            if isinstance(file, Path):
                found.setdefault(os.path.realpath(file), file)
            else:
                found[str(file)] = Failure(printable(name), str(file))
    return list(found.values())


def read_inputs(
    found: Sequence[Path | Failure], encoding: str | None, progress: bool
) -> Iterator[Article | Failure]:
    """Read one after the other; ``progress`` says on standard error where the work stands."""
    for number, item in enumerate(found, 1):
        if isinstance(item, Failure):
            yield item
            continue
        name = printable(item)
        if progress:
            notice(f"{number}/{len(found)} {name}")
        try:
            yield _read(item, encoding)
        except MissingExtraError as error:
            yield Failure(name, f"{name}: {error.what}", error.hint)
        except CuoshiError as error:
            yield Failure(name, str(error))


def _read(path: Path, encoding: str | None) -> Article:
    if str(path) == STDIN:
        if sys.stdin is None:
            raise UsageError(f"{STDIN}: standard input is closed; pipe a text into it or name a file")
        return read_bytes(sys.stdin.buffer.read(), STDIN, encoding=encoding)
    return read_file(path, encoding=encoding)
