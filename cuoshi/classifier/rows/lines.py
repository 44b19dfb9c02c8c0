"""Blocks of bytes into lines: cut at line feeds alone, each bounded, each decoded by itself."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cuoshi.classifier.errors import ReadingError, UsageError
from cuoshi.classifier.reading import decoding
from cuoshi.classifier.reading.plausibility import score
from cuoshi.classifier.rows.row import MAX_RAW, MAX_ROW

SAMPLE = 65_536


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its number from 1: its text with the line end, or its fault and what is kept of it."""

    number: int
    text: str
    fault: str | None = None


def text_lines(blocks: Iterable[bytes], name: str, encoding: str | None = None) -> Iterator[Line]:
    """The lines of a text file, without its byte order mark.

    A line of more than ``MAX_ROW`` bytes or with bytes outside the encoding is a line with a fault.

    Args:
        blocks: the bytes of the file.
        name: the file, for messages.
        encoding: the codec, when it is known; else it is found from the first 64 KiB.

    Raises:
        UsageError: ``encoding`` is unknown.
        ReadingError: UTF-16 that breaks off; also what ``blocks`` raises, after the lines before it.
    """
    stream = iter(blocks)
    sample, fault = _first(stream)
    codec, mark = _codec(sample, encoding)
    rest = _chained(sample[mark:], fault, stream)
    if codec.startswith(("utf-16", "utf-32")):  # a line feed is no byte of its own there
        rest, codec = _as_utf8(rest, codec, name), "utf-8"
    for number, data, size in _split(rest):
        yield _decoded(number, data, size, codec)


def _first(stream: Iterator[bytes]) -> tuple[bytes, ReadingError | None]:
    parts: list[bytes] = []
    size = 0
    try:
        while size < SAMPLE:
            block = next(stream, b"")
            if not block:
                break
            parts.append(block)
            size += len(block)
    except ReadingError as error:
        return b"".join(parts), error
    return b"".join(parts), None


def _chained(first: bytes, fault: ReadingError | None, stream: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    if fault is not None:
        raise fault
    yield from stream


def _codec(sample: bytes, encoding: str | None) -> tuple[str, int]:
    """The codec of a file by its first bytes, and the length of its byte order mark."""
    told = None if encoding is None else decoding.canonical(encoding)
    if encoding is not None and told is None:
        raise UsageError(f"unknown encoding '{encoding}'; use utf-8, gb18030, big5 or utf-16")
    for mark, name in decoding.BYTE_ORDER_MARKS:
        if sample.startswith(mark) and told in (None, name, name.removesuffix("-le").removesuffix("-be")):
            return name, len(mark)
    if told is not None:
        return (f"{told}-le" if told in ("utf-16", "utf-32") else told), 0
    return _found(sample[:SAMPLE]), 0


def _found(sample: bytes) -> str:
    """The codec of most lines: one damaged line must not make another codec look right."""
    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    if len(lines) > 1 and len(sample) == SAMPLE:
        lines.pop()  # cut off
    if not lines or b"\x00" in sample:
        ranking = decoding.rank(sample)
        return ranking[0] if ranking and b"\x00" in sample else "utf-8"
    readable = {
        name: [text for line in lines if (text := _try(line, name)) is not None]
        for name in ("utf-8", "gb18030", "big5hkscs")
    }
    if 2 * len(readable["utf-8"]) > len(lines):
        return "utf-8"
    return max(readable, key=lambda name: (len(readable[name]) * 20 // len(lines), _mean(readable[name])))


def _mean(texts: list[str]) -> float:
    text = "\n".join(texts)
    return score(text) / len(text) if text else float("-inf")


def _try(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _as_utf8(blocks: Iterable[bytes], codec: str, name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    try:
        for block in blocks:
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise ReadingError(
            f"{name}: not {codec} any more ({error.reason}); name the right one with --encoding"
        ) from None


def _split(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes, int]]:
    """Number, bytes and size of every line; of a line above ``MAX_ROW`` only the first bytes are held."""
    number = 1
    held: list[bytes] = []
    size = 0
    for block in blocks:
        *whole, rest = block.split(b"\n")
        for part in whole:
            if held:
                size += len(part)
                if size <= MAX_ROW:
                    held.append(part)
                part = b"".join(held)  # noqa: PLW2901 - the line that ends here
                yield number, part + b"\n", size + 1
                held, size = [], 0
            else:
                yield number, part + b"\n", len(part) + 1
            number += 1
        if rest:
            size += len(rest)
            if size <= MAX_ROW or not held:
                held.append(rest)
            elif len(held) > 1:
                held = [b"".join(held)[:MAX_RAW]]
    if held:
        yield number, b"".join(held), size


def _decoded(number: int, data: bytes, size: int, codec: str) -> Line:
    if size > MAX_ROW + 1:
        fault = f"a line of {size:,} bytes (at most {MAX_ROW:,}); a quote not closed, or no line ends?"
        return Line(number, "", fault)
    try:
        return Line(number, data.decode(codec))
    except UnicodeDecodeError as error:
        fault = f"byte {error.start + 1} of the line is not {codec}; mend it, or name the encoding"
        return Line(number, data[:MAX_RAW].decode(codec, "replace"), fault)
