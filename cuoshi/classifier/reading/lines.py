"""Text to lines and lines to paragraphs: cleaning, and joining of text broken at a fixed width."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from cuoshi.classifier.reading.article import Piece

INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
"""Characters without a glyph (soft hyphen, zero widths, direction marks, stray byte order marks)."""

_HIDDEN = re.compile(f"[{INVISIBLE}\\x00-\\x08\\x0e-\\x1f\\x7f]+")
_LINE = re.compile("[^\n\r\x0b\x0c\x85\u2028\u2029]+")
_EDGES = "".join(filter(re.compile(rf"[\s{INVISIBLE}\x00-\x1f\x7f]").match, map(chr, range(0x10000))))
_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_LONG = 2_000

SENTENCE_END = re.compile(r"[。！？!?；;…](?:[”’」』）)】\]\"']{0,3})$")
_NUMBERED = re.compile(
    r"(?:[（(]?[一二三四五六七八九十百]{1,4}[、）).．]|第[一二三四五六七八九十百\d]{1,4}[章条节部分]"
    r"|[（(]?\d{1,3}[、）).．](?!\d)|[①-⑳●■◆★·•▪※○*-])"
)
_WORDS_MEET = re.compile(r"[A-Za-z,.;:)][A-Za-z(]|[A-Za-z]\d")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank: its place without the white space around it, its cleaned text, its shape.

    ``indent`` is counted in columns (a Han character has two); ``gap`` tells that a blank line comes before.
    """

    start: int
    end: int
    text: str
    indent: int = 0
    gap: bool = False


def clean(text: str) -> str:
    """Return ``text`` on one line, each run of white space one space, without invisible characters."""
    return " ".join(_HIDDEN.sub("", text).split())


def split_lines(text: str) -> list[Line]:
    """Return the lines of ``text`` that are not blank, in order."""
    lines: list[Line] = []
    end = 0
    for match in _LINE.finditer(text):
        raw = match[0]
        last = len(raw.rstrip(_EDGES))
        first = len(raw) - len(raw.lstrip(_EDGES))
        cleaned = clean(raw[first:last])
        if cleaned:
            start = match.start() + first
            gap = _has_blank(text, end, match.start())
            lines.append(Line(start, match.start() + last, cleaned, columns(raw[:first]), gap))
            end = match.start() + last
    return lines


def _has_blank(text: str, end: int, start: int) -> bool:
    """Return whether more than one line break lies between two lines (bounded: huge blank runs are blank)."""
    return start - end > _LONG or len(_BREAK.findall(text, end, start)) > 1


@cache
def _columns(char: str) -> int:
    if char == "\t":
        return 4
    return 2 if unicodedata.east_asian_width(char) in "WF" else int(not _HIDDEN.match(char))


def columns(text: str) -> int:
    """Return the width of ``text`` in columns: two for a Han character, one for a Latin letter."""
    return sum(_columns(char) for char in text)


def join(parts: Sequence[str]) -> str:
    """Return the parts of a broken sentence as one line, with a space only between Latin words."""
    joined = parts[0] if parts else ""
    for part in parts[1:]:
        space = " " if _WORDS_MEET.match(joined[-1:] + part[:1]) else ""
        joined = f"{joined}{space}{part}"
    return joined


def is_sentence(text: str) -> bool:
    """Return whether ``text`` ends as a sentence does."""
    return SENTENCE_END.search(text[-6:]) is not None


def is_numbered(text: str) -> bool:
    """Return whether ``text`` begins with a number or mark of a list or section."""
    return _NUMBERED.match(text) is not None


def unwrap(lines: Sequence[Line]) -> list[Line]:
    """Return one line a paragraph: lines broken at a fixed width joined, all others as they are."""
    width = wrap_width(lines)
    if width is None:
        return list(lines)
    indented = _paragraphs_are_indented(lines, width)
    joined: list[list[Line]] = []
    for line in lines:
        if joined and _continues(joined[-1][-1], line, width, indented):
            joined[-1].append(line)
        else:
            joined.append([line])
    return [
        Line(
            group[0].start, group[-1].end, join([line.text for line in group]), group[0].indent, group[0].gap
        )
        for group in joined
    ]


def wrap_width(lines: Sequence[Line]) -> int | None:
    """Return the column at which a text is hard-wrapped, None where it is not.

    It is when many lines are about as long as the longest and break in mid-sentence. One paragraph a line
    gives lines of every length that end as sentences do.
    """
    widths = [columns(line.text) + line.indent if len(line.text) < 200 else 1_000 for line in lines]
    width = max(widths, default=0)
    if not 30 <= width <= 140 or len(lines) < 3:
        return None
    full = [line for line, each in zip(lines, widths, strict=True) if each >= width - 5]
    broken = [line for line in full if not is_sentence(line.text)]
    prose = [line for line in full if re.search("[，。；、,]", line.text[:-1])]
    # with blank lines between paragraphs, their last lines and headings need not be full
    inner = [line for line, after in pairwise(lines) if not after.gap]
    count = len(lines) if len(inner) == len(lines) - 1 else 1.75 * len(inner)
    enough = len(full) >= max(2, 0.4 * count) and len(broken) >= 0.5 * len(full)
    return width if enough and len(prose) >= 0.3 * len(full) else None


def _paragraphs_are_indented(lines: Sequence[Line], width: int) -> bool:
    starts = sum(1 <= line.indent <= width // 4 for line in lines)
    return 0 < starts < 0.7 * len(lines)


def _continues(last: Line, line: Line, width: int, indented: bool) -> bool:
    """Return whether ``line`` goes on with the paragraph that ``last`` ends so far."""
    if line.gap or columns(last.text) + last.indent < width - 5:
        return False
    if indented:
        return line.indent == 0 and not (is_numbered(line.text) and is_sentence(last.text))
    return not (is_numbered(line.text) or is_sentence(last.text))


def pieces(lines: Sequence[Line]) -> Iterator[Piece]:
    """Yield lines as pieces of an article."""
    for line in lines:
        yield Piece(line.start, line.end, line.text)
