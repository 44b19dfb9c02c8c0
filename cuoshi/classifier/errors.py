"""The tree of errors; each class has the exit code that the command line ends with."""

from __future__ import annotations


class CuoshiError(Exception):
    """Base of every error a user can cause or meet. The message says what, where and what to do."""

    exit_code = 3


class UsageError(CuoshiError):
    """Wrong options or arguments."""

    exit_code = 2


class DataError(CuoshiError):
    """A file that cannot be read, is malformed or contradicts another."""


class ReadingError(DataError):
    """An article that cannot be read; other files are still worked on."""


class TaxonomyError(DataError):
    """A taxonomy file that breaks the schema, or a label that is not in it."""


class ModelError(DataError):
    """A model folder that is missing, incomplete or altered."""


class WorkerError(CuoshiError):
    """A process that did part of the work is gone."""


class MissingExtraError(CuoshiError):
    """An optional dependency is not installed."""

    exit_code = 2

    def __init__(self, package: str, extra: str) -> None:
        self.what = f"{package} is not installed"
        self.hint = f"run: pip install 'cuoshi[{extra}]'"
        super().__init__(f"{self.what}; {self.hint}")
