"""Figures of Matplotlib as SVG inside a page: the browser sets the text, CSS the colours."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lxml import etree
from rich.cells import cell_len

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for variables of the page's style sheet, so that a plot follows light and dark.
INK, LINE, ACCENT, OTHER, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
_VARIABLES = {INK: "--ink", LINE: "--line", ACCENT: "--accent", OTHER: "--other", PAPER: "--paper"}
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
FONT_SIZE = 9.0
"""Points; a full-width character is as wide."""


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches in the page's colours; its text stays text."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: Any = {
        "text.parse_math": False,
        "svg.fonttype": "none",
        "font.size": FONT_SIZE,
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
        **dict.fromkeys(("axes.edgecolor", "grid.color"), LINE),
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": FONT_SIZE,
        "axes.unicode_minus": False,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "lines.linewidth": 1.2,
    }
    with rc_context(style):
        yield Figure(figsize=(width, height))


def svg_text(made: Figure, name: str, description: str) -> str:
    """The SVG element of a figure, to be put into HTML.

    Args:
        made: the figure.
        name: distinguishes its ids from those of other figures of the page.
        description: what is read to those who can't see it.
    """
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}), warnings.catch_warnings():
        # The browser sets the text with its own fonts; those of Matplotlib need not have the characters.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        made.savefig(stream, format="svg", metadata=nothing)
    root = etree.fromstring(stream.getvalue())
    _tidy(root)
    root.set("role", "img")
    root.set("aria-label", description)
    text = etree.tostring(root, encoding="unicode")
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var({variable})")
    return _without_namespaces(text)


def room_for(texts: list[str]) -> float:
    """Inches that the widest of some texts needs; Matplotlib cannot measure what its fonts lack."""
    return max(map(cell_len, texts), default=0) * FONT_SIZE / 2 / 72 + 0.1


def place(made: Figure, axes: Axes, left: float, right: float, top: float, bottom: float) -> None:
    """Lay the axes out with these margins in inches."""
    width, height = made.get_size_inches()
    axes.set_position(
        (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    )


def _tidy(root: Any) -> None:
    """Leave out what the page does not need: metadata, fixed sizes, fonts, and ids that nothing refers to."""
    for element in root.findall(f"{_SVG}metadata"):
        root.remove(element)
    used = {href.lstrip("#") for href in root.xpath("//@*[local-name()='href']")}
    for element in root.iter():
        for value in element.attrib.values():
            if "url(#" in value:
                used.add(value.partition("url(#")[2].partition(")")[0])
    for element in root.iter():
        if element.get("id") is not None and element.get("id") not in used:
            del element.attrib["id"]
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF))
        style = element.get("style", "")
        if "font" in style:
            kept = [part for part in style.split(";") if "font-family" not in part]
            element.set("style", ";".join(map(_font_size, kept)))
    for name in ("width", "height"):
        root.attrib.pop(name, None)


def _font_size(part: str) -> str:
    """``font: 9px 'DejaVu Sans', …`` as the size alone."""
    name, _, value = part.partition(":")
    return f"font-size: {value.split()[0]}" if name.strip() == "font" else part


def _without_namespaces(text: str) -> str:
    """An SVG element inside HTML has its namespace by itself."""
    for uri in ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"):
        for name in ("xmlns", "xmlns:xlink"):
            text = text.replace(f' {name}="{uri}"', "")
    return text
