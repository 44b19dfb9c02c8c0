"""What readers of inputs yield."""

from __future__ import annotations

from dataclasses import dataclass

from cuoshi.classifier.annotate.plan import Reject
from cuoshi.classifier.rows import BadRow, Row


@dataclass(frozen=True, slots=True)
class ArticleBytes:
    """An article that is still to be parsed; ``name`` where it is not that of the input."""

    data: bytes
    name: str = ""


Item = Row | BadRow | Reject | ArticleBytes
