"""Bytes of a file or of standard input: counted, hashed, no more of them than there were at the start."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from cuoshi.classifier.errors import ReadingError, UsageError
from cuoshi.classifier.names import printable

STDIN = Path("-")
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
_BLOCK = 1 << 18


class ByteSource(io.RawIOBase):
    """A file opened for one reading from front to end.

    A file that grows is read up to the ``size`` it had when it was opened (None for standard input and
    pipes). ``count`` bytes were read so far, their SHA-256 is :meth:`digest`; both move in the same steps
    whenever the same bytes are read by the same reader.

    Raises:
        ReadingError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.name = printable(path)
        self._stream = _open(path, self.name)
        status = os.fstat(self._stream.fileno()) if _has_descriptor(self._stream) else None
        regular = status is not None and os.path.isfile(path) and path != STDIN  # noqa: PTH113
        self.size = status.st_size if regular and status is not None else None
        self.mtime_ns = status.st_mtime_ns if regular and status is not None else None
        self.count = 0
        self._hash = hashlib.sha256()

    def digest(self) -> str:
        """SHA-256 of the bytes read so far, as hex digits."""
        return self._hash.copy().hexdigest()

    def readable(self) -> bool:
        """A source can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what is there, at most as much as ``buffer`` takes."""
        wanted = len(buffer)
        if self.size is not None:
            wanted = min(wanted, self.size - self.count)
        data = self._stream.read(wanted) if wanted else b""
        buffer[: len(data)] = data
        self._hash.update(data)
        self.count += len(data)
        return len(data)

    def drain(self) -> None:
        """Read what is left, so that the digest is that of the whole file."""
        buffer = memoryview(bytearray(_BLOCK))
        while self.readinto(buffer):
            pass

    def close(self) -> None:
        """Close the file; standard input is left open."""
        if not self.closed and self.path != STDIN:
            self._stream.close()
        super().close()


def _open(path: Path, name: str) -> BinaryIO:
    if path == STDIN:
        if sys.stdin is None:
            raise UsageError(f"{STDIN}: standard input is closed; pipe rows into it or name a file")
        return cast(BinaryIO, sys.stdin.buffer)
    try:
        return path.open("rb")
    except OSError as error:
        raise ReadingError(
            f"{name}: cannot be read ({error.strerror}); check the path and its rights"
        ) from None


def _has_descriptor(stream: BinaryIO) -> bool:
    try:
        stream.fileno()
    except (OSError, ValueError, AttributeError):
        return False
    return True


def unpacked(source: ByteSource) -> Iterator[bytes]:
    """The bytes of a source in blocks, decompressed when it begins as gzip or Zstandard does.

    What comes before a fault is yielded before the error.

    Raises:
        ReadingError: the compressed data is cut or damaged, or the file can no longer be read.
    """
    buffered = io.BufferedReader(source, _BLOCK)
    kind = "plain"
    try:
        begin = buffered.peek(4)[:4]
        stream, kind = _decompressor(cast(BinaryIO, buffered), begin)
        while block := stream.read1(_BLOCK):
            yield block
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _damaged(source.name, kind) from None
        raise ReadingError(f"{source.name}: cannot be read on ({error.strerror or error})") from None
    except EOFError:
        raise ReadingError(
            f"{source.name}: the {kind} data ends in the middle (cut off when copied?); get the file again"
        ) from None
    except Exception as error:
        if isinstance(error, zlib.error) or type(error).__name__ == "ZstdError":
            raise _damaged(source.name, kind) from None
        raise
    if source.size is not None and source.count < source.size:
        raise ReadingError(
            f"{source.name}: shrank from {source.size:,} to {source.count:,} bytes while it was read; "
            "restore it and run again"
        )


def _decompressor(buffered: BinaryIO, begin: bytes) -> tuple[Any, str]:
    if begin.startswith(GZIP):
        return gzip.GzipFile(fileobj=buffered), "gzip"
    if begin.startswith(ZSTD):
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        return zstd.ZstdFile(buffered), "Zstandard"
    return buffered, "plain"


def _damaged(name: str, kind: str) -> ReadingError:
    return ReadingError(f"{name}: the {kind} data is damaged; get the file again")
