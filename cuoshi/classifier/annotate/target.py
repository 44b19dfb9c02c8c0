"""Where the files of a run lie, and the lock that keeps a second run away from them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cuoshi.classifier.errors import UsageError
from cuoshi.classifier.names import printable

FORMATS = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}
_SHARD = re.compile(r"part-\d{5,}\.(jsonl|csv|parquet)(\.gz|\.zst)?(\.part)?")
PACKINGS = (".gz", ".zst")


@dataclass(frozen=True)
class Target:
    """The output of a run: a file, or a folder of shards of ``shard_rows`` rows; ``form`` is its format.

    ``packing`` is ``gz``, ``zst`` or empty.
    """

    out: Path
    form: str
    packing: str = ""
    shard_rows: int | None = None

    def shard(self, number: int) -> Path:
        """The file of a shard (of a run without shards: the output)."""
        if self.shard_rows is None:
            return self.out
        packed = f".{self.packing}" if self.packing else ""
        return self.out / f"part-{number:05d}.{self.form}{packed}"

    def beside(self, name: str) -> Path:
        """A file about the run: ``OUT.name`` beside a file, ``OUT/name`` in a folder."""
        if self.shard_rows is None:
            return self.out.with_name(f"{self.out.name}.{name}")
        return self.out / name

    @property
    def manifest(self) -> Path:
        return self.beside("run.json")

    @property
    def journal(self) -> Path:
        return self.beside("journal")

    @property
    def rejects(self) -> Path:
        return self.beside("rejects.jsonl")

    @property
    def pieces(self) -> Path:
        return self.beside("pieces")

    @property
    def folder(self) -> Path:
        """The folder in which the files lie."""
        return self.out.parent if self.shard_rows is None else self.out

    def shards(self) -> list[Path]:
        """Finished shards and those being written, as they lie there."""
        if self.shard_rows is None:
            return [path for path in (self.out, part(self.out)) if os.path.lexists(path)]
        return sorted(path for path in self.out.glob("part-*") if _SHARD.fullmatch(path.name))

    def remains(self) -> list[Path]:
        """Every file of a run that lies there."""
        about = (self.manifest, self.journal, self.rejects, self.pieces)
        return [*self.shards(), *(path for path in about if os.path.lexists(path))]

    def strangers(self) -> list[Path]:
        """What lies in a folder for shards and is no file of a run; hidden files do not count."""
        if self.shard_rows is None:
            return []
        known = {*self.remains(), self.beside("lock"), part(self.manifest)}
        return sorted(p for p in self.out.iterdir() if p not in known and not p.name.startswith("."))

    def remove(self) -> None:
        """Remove every file of a run."""
        for path in self.remains():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def choose_target(out: Path, form: str | None, shard_rows: int | None) -> Target:
    """The target that ``out`` and ``--format`` mean.

    Raises:
        UsageError: the format cannot be told, contradicts the suffix, or the output is a folder without
            shards or a file with them, or its folder is not there.
    """
    name = printable(out)
    if shard_rows is None and out.is_dir():
        raise UsageError(f"{name}: a folder; name a file, or give --shard-rows for a folder of shards")
    if shard_rows is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{name}: a file; with --shard-rows the output is a folder")
    if not out.parent.is_dir():
        raise UsageError(f"{name}: cannot be written, no folder {printable(out.parent)}; make it first")
    said = _said(out)
    if form is not None and said and form != said:
        raise UsageError(f"--format {form}, but --out ends in .{said}; change one")
    chosen = form or said or ("jsonl" if shard_rows is not None else "")
    if not chosen:
        raise UsageError(
            f"{name}: end it in .jsonl or .csv (with .gz or .zst behind), or .parquet, or give --format"
        )
    chosen, _, packing = chosen.partition(".")
    if chosen == "parquet" and packing:
        raise UsageError(f"{name}: Parquet is compressed within; leave .{packing} out")
    return Target(out, chosen, packing, shard_rows)


def _said(out: Path) -> str:
    """The format that the suffixes of a name say, such as ``csv.gz``; empty where they say none."""
    suffixes = [suffix.lower() for suffix in out.suffixes]
    packing = suffixes.pop() if suffixes and suffixes[-1] in PACKINGS else ""
    form = FORMATS.get(suffixes[-1]) if suffixes else None
    return f"{form}{packing}" if form else ""


def part(path: Path) -> Path:
    """The name of a file while it is written."""
    return path.with_name(f"{path.name}.part")


def sync_folder(path: Path) -> None:
    """See that a file's name in its folder survives a loss of power."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(target: Target) -> Iterator[None]:
    """Hold the lock of a run's output; a lock left by a run that was killed does not count.

    Raises:
        UsageError: another run writes there now.
    """
    path = target.beside("lock")
    descriptor = _take(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def is_locked(target: Target) -> bool:
    """Whether a run writes to the target now."""
    path = target.beside("lock")
    if not path.exists():
        return False
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _take(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock(descriptor):
            os.close(descriptor)
            raise UsageError(
                f"{printable(path)}: another run writes to this output; wait for it, or choose another --out"
            )
        # the run before may have removed the file between our opening and our locking it
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
