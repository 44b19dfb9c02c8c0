"""Lines of a PDF to paragraphs, by where they stand on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from cuoshi.classifier.reading.lines import columns, is_numbered, is_sentence

_COLUMN = 12
"""Narrowest column of text, in characters."""


@dataclass(frozen=True, slots=True)
class PdfLine:
    """A line of a page with the box of its characters, in points from the page's lower left corner."""

    text: str
    page: int
    left: float
    right: float
    bottom: float
    top: float


class Layout:
    """What the lines of a document have in common: character size, line distance, column edges."""

    def __init__(self, lines: Sequence[PdfLine]) -> None:
        self.lines = lines
        self.pages: dict[int, list[PdfLine]] = {}
        for line in lines:
            self.pages.setdefault(line.page, []).append(line)
        sizes = [(line.right - line.left) / max(1.0, columns(line.text) / 2) for line in lines]
        self.em = max(1.0, median(sizes)) if sizes else 1.0
        steps = [
            upper.top - lower.top
            for upper, lower in pairwise(lines)
            if upper.page == lower.page and upper.top > lower.top
        ]
        self.pitch = median(steps) if steps else 2 * self.em
        self.right = max((line.right for line in lines), default=0.0)
        self.indents = any(1.2 <= self.indent(line) <= 3 and self.is_full(line) for line in lines)

    def paragraphs(self) -> list[list[PdfLine]]:
        """Return the lines grouped to paragraphs, in order."""
        groups: list[list[PdfLine]] = []
        for line in self.lines:
            if groups and self._goes_on(groups[-1][-1], line):
                groups[-1].append(line)
            else:
                groups.append([line])
        return groups

    def indent(self, line: PdfLine) -> float:
        """Return how far, in characters, a line begins to the right of its column."""
        near = [
            other.left for other in self.pages[line.page] if line.left - 6 * self.em < other.left <= line.left
        ]
        return (line.left - min(near)) / self.em

    def is_full(self, line: PdfLine) -> bool:
        """Return whether a line ends where its column does."""
        if line.right >= self.right - 2.5 * self.em:
            return True
        alike = [
            other
            for other in self.pages[line.page]
            if abs(other.right - line.right) <= 1.5 * self.em
            and other.right - other.left >= _COLUMN * self.em
        ]
        return len(alike) >= 3

    def _goes_on(self, last: PdfLine, line: PdfLine) -> bool:
        """Return whether ``line`` belongs to the paragraph that ``last`` ends so far."""
        if (
            not self.is_full(last)
            or _height(line) > 1.25 * _height(last)
            or _height(last) > 1.25 * _height(line)
        ):
            return False
        if last.page == line.page and last.top - line.top > 1.6 * self.pitch:
            return False
        if self.indents:
            return self.indent(line) < 1.2
        return not (is_sentence(last.text) or is_numbered(line.text))


def _height(line: PdfLine) -> float:
    return max(1.0, line.top - line.bottom)
