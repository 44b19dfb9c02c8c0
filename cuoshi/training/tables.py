"""Tables of text, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A titled table; the first ``names`` columns hold words, the others figures."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1

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
