"""Rows in batches by length: how many rows are computed at once."""

from __future__ import annotations

from collections.abc import Sequence

from cuoshi.classifier.engines import TokenIds


def equal_batches(rows: Sequence[TokenIds], tokens: int) -> list[list[int]]:
    """Indices of rows in batches of one length, of at most ``tokens`` tokens; the longest rows first.

    Rows of one length need no padding and no mask, so that a row is computed exactly as it is alone.
    """
    by_length: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        by_length.setdefault(len(row), []).append(index)
    batches: list[list[int]] = []
    for length in sorted(by_length, reverse=True):
        step = max(1, tokens // length)
        same = by_length[length]
        batches.extend(same[at : at + step] for at in range(0, len(same), step))
    return batches


def padded_batches(rows: Sequence[TokenIds], tokens: int) -> list[list[int]]:
    """Indices of rows, sorted by length, in batches of at most ``tokens`` tokens with their padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batches and (len(batches[-1]) + 1) * len(rows[index]) <= tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
