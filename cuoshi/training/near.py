"""Near-duplicates among short texts: candidates by MinHash, each verified by the exact Jaccard similarity."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cuoshi.classifier.errors import MissingExtraError

if TYPE_CHECKING:
    from datasketch import MinHash

SIZE = 5
THRESHOLD = 0.5

# A pair of similarity s becomes a candidate with probability 1 - (1 - s^ROWS)^BANDS (Leskovec, Rajaraman and
# Ullman, Mining of Massive Datasets, 3.4): 0.996 at 0.5, all but certain above; 0.04 at 0.1.
BANDS = 42
ROWS = 3


def normalise(text: str) -> str:
    """The text as it is compared: NFKC, without blanks."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def grams(text: str) -> frozenset[str]:
    """The runs of five characters of a normalised text; the text itself when it is shorter."""
    whole = normalise(text)
    return frozenset(whole[i : i + SIZE] for i in range(max(1, len(whole) - SIZE + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared members as a share of all members."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


@dataclass(frozen=True)
class Prepared:
    """A text's grams and their MinHash signature."""

    grams: frozenset[str]
    signature: MinHash


class NearIndex:
    """Texts that can be asked for those near to another one.

    Raises:
        MissingExtraError: datasketch is not installed.
    """

    def __init__(self, threshold: float = THRESHOLD) -> None:
        try:
            from datasketch import MinHash, MinHashLSH
        except ImportError:
            raise MissingExtraError("datasketch", "train") from None
        self.threshold = threshold
        self._empty = MinHash(num_perm=BANDS * ROWS)
        self._index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        self._grams: list[frozenset[str]] = []

    def prepare(self, text: str) -> Prepared:
        """Grams and signature, for :meth:`find` and :meth:`add`."""
        found = grams(text)
        signature = self._empty.copy()
        signature.update_batch([gram.encode("utf-8", "replace") for gram in found])
        return Prepared(found, signature)

    def find(self, text: Prepared) -> list[tuple[int, float]]:
        """Number and similarity of the added texts at the threshold or above, by number."""
        pairs = [
            (number, jaccard(text.grams, self._grams[number]))
            for number in sorted(self._index.query(text.signature))
        ]
        return [(number, similarity) for number, similarity in pairs if similarity >= self.threshold]

    def add(self, text: Prepared) -> None:
        """Add a text; texts are numbered from 0."""
        self._index.insert(len(self._grams), text.signature)
        self._grams.append(text.grams)
