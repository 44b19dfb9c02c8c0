"""Tables of figures on standard output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cuoshi.classifier.cli.output import emit

if TYPE_CHECKING:
    from cuoshi.training.tables import Table

PIPE_WIDTH = 160


def print_tables(tables: Iterable[Table], wrap: bool = False) -> None:
    """Into a pipe without colours and as wide as they need to be; a narrow terminal has no spare columns.

    ``wrap`` breaks cells where there is still no room, instead of cutting them.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH)
    for table in (fitting(table, console.width) for table in tables):
        shown = RichTable(title=escape(table.title), title_justify="left", box=None, pad_edge=False)
        for number, name in enumerate(table.header):
            words = number < table.names
            shown.add_column(
                escape(name), justify="left" if words else "right", no_wrap=not wrap, overflow="fold"
            )
        for row in table.rows:
            shown.add_row(*map(escape, row))
        with console.capture() as captured:
            console.print(shown)
        emit(captured.get() + "\n")


def fitting(table: Table, width: int) -> Table:
    """The table without as many spare columns as it takes to fit."""
    from rich.cells import cell_len

    columns = list(zip(table.header, *table.rows, strict=True))
    needed = [max(map(cell_len, column)) + 2 for column in columns]
    left_out: list[int] = []
    for spare in table.spare:
        if sum(needed) - 2 <= width:
            break
        for number in spare if isinstance(spare, tuple) else (spare,):
            left_out.append(number)
            needed[number] = 0
    return table.without(left_out) if left_out else table
