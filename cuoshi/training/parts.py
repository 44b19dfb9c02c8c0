"""Outputs are made beside their place, under a name that ends in ``.part``, and moved there when complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from cuoshi.classifier.errors import UsageError


def check_replaceable(out: Path, kind: str, is_one: Callable[[Path], bool], option: str = "--out") -> None:
    """See that a folder can be written, or replaced without loss of anything else.

    Args:
        out: the folder.
        kind: what it is to be, for the message.
        is_one: whether a folder is of that kind already.
        option: what of the command line names the folder, for the message.

    Raises:
        UsageError: ``out`` has no name, or exists, holds something and is not of the kind.
    """
    if out.name in ("", ".."):
        raise UsageError(f"{option} {out}: has no name of its own; name the folder to write")
    if not out.exists() or (out.is_dir() and (is_one(out) or not any(out.iterdir()))):
        return
    raise UsageError(f"{out}: exists and is no {kind}; choose another {option}")


def fresh_part(out: Path) -> Path:
    """An empty folder beside ``out`` in which to make it."""
    part = out.with_name(out.name + ".part")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(parents=True)
    return part


def put_in_place(part: Path, out: Path) -> None:
    """Rename a complete folder to ``out``; what was there is removed last.

    Its files get the rights that new files have: safetensors lets nobody but the owner read what it writes.
    """
    mask = os.umask(0)
    os.umask(mask)
    for file in part.iterdir():
        if file.is_file():
            file.chmod(0o666 & ~mask)
    old = out.with_name(out.name + ".old")
    if old.exists():
        shutil.rmtree(old)
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)
