"""What a run does to its rows, apart from where they come from and go to. Small and picklable."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from cuoshi.classifier.predict import Selection

LAYOUTS = ("list", "wide", "long")
TABLES = ("jsonl", "csv", "parquet")


@dataclass(frozen=True)
class Plan:
    """How rows become paragraphs and paragraphs become output rows.

    ``id_column`` None means: the column ``id`` where a row has it, else the row's place. ``paragraphs``
    splits the text of a row, which is one paragraph otherwise. Of ``layout``: ``list`` has the labels in one
    column, ``wide`` beside it a column a label, ``long`` an output row a label. ``save_every`` paragraphs
    are a chunk; the first chunks are smaller.
    """

    text_column: str = "text"
    id_column: str | None = None
    paragraphs: bool = False
    layout: str = "list"
    scores: bool = False
    measures_only: bool = False
    selection: Selection = field(default_factory=Selection)
    encoding: str | None = None
    save_every: int = 2_048

    def as_dict(self) -> dict[str, Any]:
        """The options as plain values, as the manifest holds them."""
        value = asdict(self)
        chosen = value.pop("selection")
        return {**value, **chosen, "only": list(chosen["only"])}


@dataclass(frozen=True, slots=True)
class Unit:
    """One paragraph to label: its id (a number stays one), its text, the columns carried along, its place."""

    ident: Any
    text: str
    values: dict[str, Any]
    where: str


@dataclass(frozen=True, slots=True)
class Reject:
    """What could not be annotated: where it stands, why, and what is needed to try it again.

    ``first`` to ``last`` are numbers of rows in ``file`` (``last`` None: to its end; both None: all of it).
    """

    where: str
    reason: str
    file: str
    first: int | None = None
    last: int | None = None
    row: dict[str, Any] | None = None
    raw: str | None = None
    columns: tuple[str, ...] = ()
    delimiter: str = ","

    def as_dict(self) -> dict[str, Any]:
        """The line of the rejects file; what does not apply is left out."""
        value: dict[str, Any] = {"where": self.where, "reason": self.reason, "file": self.file}
        for name in ("first", "last", "row", "raw"):
            if getattr(self, name) is not None:
                value[name] = getattr(self, name)
        if self.columns:
            value |= {"columns": list(self.columns), "delimiter": self.delimiter}
        return value
