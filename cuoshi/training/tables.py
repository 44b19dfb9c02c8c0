"""Tables of text, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A titled table; the first ``names`` columns hold words, the others figures.

    ``spare`` are the columns that are left out, in this order, where there is no room for all; several at once
    where one without the other says little.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1
    spare: tuple[int | tuple[int, ...], ...] = ()

    def without(self, columns: Collection[int]) -> Table:
        """The table without some of its columns."""
        kept = [number for number in range(len(self.header)) if number not in columns]
        names = sum(number < self.names for number in kept)
        rows = tuple(tuple(row[number] for number in kept) for row in self.rows)
        return Table(self.title, tuple(self.header[number] for number in kept), rows, names)

    def markdown(self) -> str:
        """The table in Markdown under its title in bold."""
        return f"**{self.title}**\n\n{self.grid()}"

    def grid(self) -> str:
        """The table alone in Markdown."""
        rule = ["---"] * self.names + ["--:"] * (len(self.header) - self.names)
        lines = [_line(self.header), _line(rule), *map(_line, self.rows)]
        return "\n".join(lines)


def figure(value: float | None, digits: int = 3) -> str:
    """A number with its decimals; a dash where it is not defined."""
    return "–" if value is None else f"{value:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
