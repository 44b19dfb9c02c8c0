"""Where `cuoshi label` writes to: seen to before the work, written as a whole after it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from cuoshi.classifier.errors import UsageError
from cuoshi.classifier.names import printable

_STREAMS = ("/dev/fd/", "/dev/stdout", "/dev/stderr", "/proc/")


def check_target(out: Path, inputs: Sequence[Path]) -> None:
    """See that ``out`` can be written.

    Raises:
        UsageError: it is a folder or one of the inputs, or it or its folder cannot be written.
    """
    name = printable(out)
    try:
        exists = _exists(out)
    except OSError as error:
        raise _refused(name, error.strerror) from None
    if exists and out.is_dir():
        raise UsageError(f"'{name}': a folder; name a file with --out")
    if exists and any(path.exists() and out.samefile(path) for path in inputs):
        raise UsageError(f"{name}: is one of the inputs; choose another --out")
    if exists and not os.access(out, os.W_OK):
        raise _refused(name, os.strerror(13))
    parent = Path(os.path.realpath(out)).parent
    if not exists and not parent.is_dir():
        raise _refused(name, f"no folder {printable(out.parent)}")
    if not _is_stream(out) and not os.access(parent, os.W_OK | os.X_OK):
        raise _refused(name, "no right to write into its folder")


def write_target(out: Path, text: str) -> None:
    """Write ``text`` in UTF-8: a regular file appears whole or not at all, a device or pipe is written to.

    Of a symbolic link the file it leads to is replaced.

    Raises:
        UsageError: it cannot be written.
    """
    data = text.encode("utf-8", "backslashreplace")
    try:
        if _is_stream(out):
            with os.fdopen(os.open(out, os.O_WRONLY | os.O_APPEND), "wb") as stream:
                stream.write(data)
        else:
            _replace(Path(os.path.realpath(out)), data)
    except OSError as error:
        raise _refused(printable(out), error.strerror) from None


def _replace(out: Path, data: bytes) -> None:
    part = out.parent / f"{out.name[:40]}.{os.getpid()}.part"
    try:
        part.write_bytes(data)
        if out.exists():
            shutil.copymode(out, part)
        part.replace(out)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _is_stream(path: Path) -> bool:
    """Whether ``path`` is a device, a pipe or an open stream by name, which may be a file being added to."""
    if str(path.absolute()).startswith(_STREAMS):
        return True
    return _exists(path) and not stat.S_ISREG(path.stat().st_mode)


def _refused(name: str, why: str | None) -> UsageError:
    return UsageError(f"{name}: cannot be written ({why}); choose another --out")
