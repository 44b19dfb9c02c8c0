"""What a run counts, and the ids it has met."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

SHOWN = 5
MAX_IDS = 20_000_000
"""Ids beyond this many are no longer compared: at 8 bytes each, memory stays bounded."""
_RECENT = 65_536


@dataclass
class Tally:
    """Counts of a run; ``inputs`` are rows, bad ones included, and articles, ``rows`` those of the output."""

    inputs: int = 0
    paragraphs: int = 0
    characters: int = 0
    rows: int = 0
    no_measure: int = 0
    windowed: int = 0
    tokens: int = 0
    unknown: int = 0
    rejects: int = 0
    duplicates: int = 0
    duplicate_places: list[str] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add the counts of a chunk."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.duplicate_places = (self.duplicate_places + other.duplicate_places)[:SHOWN]
        self.labels.update(other.labels)

    def as_dict(self, labels: Iterable[str] | None = None) -> dict[str, Any]:
        """Plain values; labels in the order given, those without a paragraph included."""
        value = asdict(self)
        value["labels"] = {label: self.labels[label] for label in labels or self.labels}
        return value

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Tally:
        """The counts that :meth:`as_dict` gave."""
        return cls(**{**value, "labels": Counter(value["labels"])})


_NUMBERS = (
    *("inputs", "paragraphs", "characters", "rows", "no_measure", "windowed"),
    *("tokens", "unknown", "rejects", "duplicates"),
)


class SeenIds:
    """Tells whether an id came before, by 8 bytes of its hash: two ids alike by chance are beyond odds."""

    def __init__(self) -> None:
        self._sorted = array("Q")
        self._recent: set[int] = set()

    def met(self, ident: str) -> bool:
        """Whether ``ident`` came before; from now on it did."""
        digest = hashlib.blake2b(ident.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        value = int.from_bytes(digest, "little")
        if value in self._recent or self._holds(value):
            return True
        if len(self._sorted) + len(self._recent) < MAX_IDS:
            self._recent.add(value)
        if len(self._recent) >= _RECENT:
            self._merge()
        return False

    def _holds(self, value: int) -> bool:
        at = bisect_left(self._sorted, value)
        return at < len(self._sorted) and self._sorted[at] == value

    def _merge(self) -> None:
        """Two sorted runs into one, in place: a copy of all ids a merge would make memory grow and shrink."""
        self._sorted.extend(sorted(self._recent))
        np.frombuffer(self._sorted, dtype=np.uint64).sort(kind="stable")
        self._recent.clear()
