"""Runs an entry point so that it ends in one line and an exit code, never in a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

from cuoshi.classifier.cli.output import drop_output, report
from cuoshi.classifier.errors import CuoshiError, DataError, MissingExtraError

TRAIN_PACKAGES = frozenset(
    {
        *("accelerate", "datasets", "datasketch", "matplotlib", "onnx", "safetensors"),
        *("scipy", "sklearn", "torch", "transformers"),
    }
)


def guarded(call: Callable[[], object]) -> None:
    """Run ``call``; a user's mistake is reported on standard error and ends the program with its code.

    Standard output and standard error are switched to UTF-8 first, with line ends as they are written. A
    file that cannot be read or written ends with 3, a package of the extra ``train`` that is not installed
    with 2, Ctrl-C with 130.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    try:
        call()
    except CuoshiError as error:
        _end(error, error.exit_code)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in TRAIN_PACKAGES:
            raise
        _end(MissingExtraError(package, "train"), MissingExtraError.exit_code)
    except OSError as error:
        drop_output()
        where = f"{error.filename}: " if error.filename is not None else ""
        _end(f"{where}{error.strerror or error}", DataError.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _end(error: CuoshiError | str, code: int) -> None:
    report(error)
    sys.exit(code)
