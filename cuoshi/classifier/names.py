"""Names of files as they are shown: any path as text that every encoding of Unicode can carry."""

from __future__ import annotations

import os

SHOWN = 60
"""Characters of a name that was not found: a pasted paragraph must not fill the screen."""


def printable(name: str | os.PathLike[str]) -> str:
    """``name`` as text; bytes of it that are not UTF-8 become U+FFFD, so that no lone surrogate is left."""
    text = os.fspath(name)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # half of a pair, which file names on Windows may hold
        return text.encode("utf-8", "replace").decode("utf-8")


def shortened(name: str | os.PathLike[str]) -> str:
    """``name`` as printable text on one line, ``''`` for an empty one.

    Of more than :data:`SHOWN` characters the middle is left out: the end of a path tells most.
    """
    text = " ".join(printable(name).split())
    half = SHOWN // 2
    return (text if len(text) <= SHOWN else f"{text[: half - 1]}…{text[-half:]}") or "''"
