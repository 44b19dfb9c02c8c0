"""Texts to token ids: windows for long paragraphs, slices for very long ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from cuoshi.classifier.engines import TokenIds
from cuoshi.classifier.errors import DataError, ModelError

MAX_CHARACTERS = 100_000
_SLICE = 2_000
_SLICE_OVERLAP = 300


@dataclass(frozen=True)
class Tokens:
    """The windows of one text; ``unknown`` of its ``count`` tokens are not in the vocabulary."""

    windows: list[TokenIds]
    count: int
    unknown: int


def tokenised(tokenizer: Tokenizer, texts: Sequence[str], first: int = 1) -> list[Tokens]:
    """Token ids of texts, by windows as the tokenizer's truncation sets them; other threads run meanwhile.

    Args:
        tokenizer: with truncation enabled.
        texts: the paragraphs.
        first: number of the first text, for messages.

    Raises:
        DataError: a text is longer than :data:`MAX_CHARACTERS`.
    """
    for number, text in enumerate(texts, first):
        if len(text) > MAX_CHARACTERS:
            raise DataError(
                f"paragraph {number:,} has {len(text):,} characters (at most {MAX_CHARACTERS:,}); "
                "split the text into paragraphs, one a line"
            )
    unknown_id = unknown_token(tokenizer)
    slices = [_slices(text) for text in texts]
    encodings = iter(tokenizer.encode_batch_fast([piece for pieces in slices for piece in pieces]))
    result: list[Tokens] = []
    for pieces in slices:
        windows: list[TokenIds] = []
        for _ in pieces:
            encoding = next(encodings)
            windows += [np.array(part.ids, dtype=np.int64) for part in (encoding, *encoding.overflowing)]
        unknown = sum(int((ids == unknown_id).sum()) for ids in windows)
        result.append(Tokens(windows, sum(len(ids) - 2 for ids in windows), unknown))
    return result


def open_tokenizer(path: Path) -> Tokenizer:
    """Load ``tokenizer.json``.

    Raises:
        ModelError: the file cannot be loaded.
    """
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare exceptions of its Rust side
        raise ModelError(f"{path}: not a tokenizer ({error}); get the model again") from None


def unknown_token(tokenizer: Tokenizer) -> int | None:
    """The id of what stands for text outside the vocabulary, of unigram or of WordPiece vocabularies."""
    first: int | None = tokenizer.token_to_id("<unk>")
    return tokenizer.token_to_id("[UNK]") if first is None else first


def _slices(text: str) -> list[str]:
    """Cut a very long text into overlapping slices, so that tokenising needs bounded memory."""
    if len(text) <= _SLICE:
        return [text]
    step = _SLICE - _SLICE_OVERLAP
    return [text[at : at + _SLICE] for at in range(0, len(text) - _SLICE_OVERLAP, step)]
