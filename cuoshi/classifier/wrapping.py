"""Breaks text into lines for the terminal, where a Chinese character takes two columns and needs no space."""

from __future__ import annotations

import re

_OPENING = "（【《“‘「『〔"
_CLOSING = "，。；：！？、）】》”’」』〕…·,.;:!?)"
_WIDE = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
# A piece that stays together: a space, or a wide character or a Latin word with the marks around it.
_PIECE = re.compile(rf"\s+|[{_OPENING}]*(?:[^\s{_WIDE}{_OPENING}]+|[{_WIDE}])[{_CLOSING}]*|[{_OPENING}]+")


def wrap(text: str, width: int) -> list[str]:
    """The lines of `text`, at most `width` (at least 2) columns wide; none starts with a closing mark.

    A piece wider than a line, such as a long address, is cut. Spaces at a break are dropped.
    """
    from rich.cells import cell_len, chop_cells

    width = max(width, 2)
    lines: list[str] = []
    line = ""
    for piece in _PIECE.findall(" ".join(text.split())):
        if cell_len(line) + cell_len(piece.rstrip()) <= width:
            line += piece
            continue
        if line.strip():
            lines.append(line.strip())
        *full, line = chop_cells(piece.lstrip(), width) or [""]
        lines += full
    return [*lines, line.strip()] if line.strip() else lines
