"""What every command writes to standard output and standard error goes through here."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

from cuoshi.classifier.errors import CuoshiError, DataError, UsageError


def emit(text: str) -> None:
    """Write ``text`` to standard output at once; whoever closed the pipe ends the program quietly, with 0.

    Raises:
        UsageError: standard output is closed.
        DataError: it takes no more, because a disk is full.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed; write into a file with --out")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()
        raise SystemExit(0) from None
    except OSError as error:
        drop_output()
        raise DataError(f"standard output: cannot be written ({error.strerror}); make room for it") from None


def emit_json(value: Any) -> None:
    """Write ``value`` as indented JSON, without escapes."""
    emit(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def notice(text: str) -> None:
    """Write one line to standard error; nothing where that is closed."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


def report(error: CuoshiError | str) -> None:
    """Write an error as one line to standard error."""
    notice(f"cuoshi: error: {error}")


def drop_output() -> None:
    """Send what is left for standard output nowhere, so that the interpreter's last flush cannot fail."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)
