"""Texts in, labels out: tokens, windows for long paragraphs, scores once, decisions after."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from cuoshi.classifier.engines import Engine, Scores, TokenIds
from cuoshi.classifier.errors import DataError, ModelError, UsageError
from cuoshi.classifier.modelfolder import ONNX, TOKENIZER, ModelFolder, open_model

MAX_CHARACTERS = 100_000
_SLICE = 2_000
_SLICE_OVERLAP = 300
_SENTENCE = re.compile(r"[^。！？!?；;…\n]*(?:[。！？!?；;…\n]+[”’」』）)】》]*|$)")
_HAS_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class Scored:
    """The scores of one text and what was read to get them.

    ``scores`` has one value between 0 and 1 a label, in the model's order; ``windows`` is above 1 when the
    text was longer than the model's window; ``unknown`` of its ``tokens`` are not in the vocabulary.
    """

    scores: Scores
    windows: int
    tokens: int
    unknown: int


@dataclass(frozen=True)
class Selection:
    """How scores become labels; applied after scoring.

    ``threshold`` replaces the model's own thresholds; ``top_k`` keeps the highest of those that pass;
    ``only`` keeps these labels.
    """

    threshold: float | None = None
    top_k: int | None = None
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a threshold outside 0 to 1 and a ``top_k`` below 1 (UsageError)."""
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"threshold {self.threshold}: give a number from 0 to 1")
        if self.top_k is not None and self.top_k < 1:
            raise UsageError(f"top_k {self.top_k}: give a number from 1 on")


@dataclass(frozen=True)
class Evidence:
    """The sentence that carries a label: offsets into the text, and its own score for the label."""

    text: str
    start: int
    end: int
    score: float


class Classifier:
    """A model folder ready to label texts.

    >>> classifier = Classifier.load()
    >>> classifier.label(["小区实行封闭管理，居民凭证出入。"])
    [('lockdown',)]
    """

    def __init__(self, folder: ModelFolder, tokenizer: Tokenizer, engine: Engine) -> None:
        self.folder = folder
        self.labels = folder.labels.ids
        self.thresholds: Scores = np.array(
            [folder.thresholds.labels[label].threshold for label in self.labels], dtype=np.float32
        )
        tokenizer.enable_truncation(folder.config.max_tokens, stride=folder.config.window_overlap)
        self._tokenizer = tokenizer
        self._engine = engine

    @classmethod
    def load(cls, model: str | Path | None = None, *, threads: int | None = None) -> Classifier:
        """Open a model folder (the shipped one by default) on the CPU.

        Raises:
            ModelError: the folder is missing, altered or incomplete, or its parts contradict each other.
        """
        from cuoshi.classifier.engines.onnx import OnnxEngine

        folder = open_model(model)
        tokenizer = open_tokenizer(folder.file(TOKENIZER))
        engine = OnnxEngine(folder.file(ONNX), threads)
        if engine.labels != len(folder.labels.ids):
            raise ModelError(
                f"{folder.file(ONNX)}: gives {engine.labels} scores, but labels.json has "
                f"{len(folder.labels.ids)} labels; export the model again"
            )
        return cls(folder, tokenizer, engine)

    def score(self, texts: Sequence[str]) -> list[Scored]:
        """Score texts; a text beyond the window gets, for each label, the highest score of its windows.

        Raises:
            DataError: a text is longer than :data:`MAX_CHARACTERS`; it is named by its number, from 1.
            TypeError: ``texts`` is one string.
        """
        if isinstance(texts, str):
            raise TypeError("give a list of texts")
        rows: list[TokenIds] = []
        parts: list[tuple[int, int, int]] = []
        for number, text in enumerate(texts, 1):
            if len(text) > MAX_CHARACTERS:
                raise DataError(
                    f"paragraph {number} has {len(text):,} characters (at most {MAX_CHARACTERS:,}); "
                    "split the text into paragraphs, one a line"
                )
            windows, tokens, unknown = self._windows(text)
            parts.append((len(windows), tokens, unknown))
            rows.extend(windows)
        scores = self._engine.scores(rows)
        result: list[Scored] = []
        at = 0
        for count, tokens, unknown in parts:
            result.append(Scored(scores[at : at + count].max(axis=0), count, tokens, unknown))
            at += count
        return result

    def label(self, texts: Sequence[str], selection: Selection | None = None) -> list[tuple[str, ...]]:
        """Label texts; an empty tuple means that a text reports no measure.

        Raises:
            DataError: a text is longer than :data:`MAX_CHARACTERS`.
            UsageError: the selection names a label the model does not have.
        """
        chosen = selection or Selection()
        self.check(chosen)
        return [self.decide(scored.scores, chosen) for scored in self.score(texts)]

    def decide(self, scores: Scores, selection: Selection) -> tuple[str, ...]:
        """The labels, in the model's order, whose scores reach their thresholds."""
        limits = self.thresholds if selection.threshold is None else np.float32(selection.threshold)
        passed = [int(i) for i in np.flatnonzero(scores >= limits)]
        if selection.only:
            passed = [i for i in passed if self.labels[i] in selection.only]
        if selection.top_k is not None:
            highest = sorted(passed, key=lambda i: (-float(scores[i]), i))[: selection.top_k]
            passed = sorted(highest)
        return tuple(self.labels[i] for i in passed)

    def check(self, selection: Selection) -> None:
        """See that a selection names labels of this model.

        Raises:
            UsageError: ``selection.only`` names a label the model does not have.
        """
        for name in selection.only:
            if name not in self.labels:
                close = difflib.get_close_matches(name, self.labels, n=1)
                hint = f"did you mean '{close[0]}'?" if close else f"they are: {', '.join(self.labels)}"
                raise UsageError(f"label '{name}' is not one of this model's labels; {hint}")

    def evidence(self, text: str, labels: Sequence[str]) -> dict[str, Evidence]:
        """For each label the sentence that the model, reading it alone, scores highest for it."""
        spans = sentences(text)
        if not labels or not spans:
            return {}
        scored = self.score([text[start:end] for start, end in spans])
        found: dict[str, Evidence] = {}
        for label in labels:
            column = self.labels.index(label)
            best = max(range(len(spans)), key=lambda i: float(scored[i].scores[column]))
            start, end = spans[best]
            found[label] = Evidence(text[start:end], start, end, float(scored[best].scores[column]))
        return found

    def _windows(self, text: str) -> tuple[list[TokenIds], int, int]:
        """Token ids of the windows of a text, its number of tokens, and how many of them are unknown."""
        unknown_id = unknown_token(self._tokenizer)
        windows: list[TokenIds] = []
        tokens = unknown = 0
        for piece in _slices(text):
            encoding = self._tokenizer.encode(piece)
            for window in (encoding, *encoding.overflowing):
                ids = np.array(window.ids, dtype=np.int64)
                windows.append(ids)
                tokens += len(ids) - 2
                unknown += int((ids == unknown_id).sum())
        return windows, tokens, unknown


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


def sentences(text: str) -> list[tuple[int, int]]:
    """Offsets of the sentences of a text, closing quotes included, blanks around them left out."""
    spans: list[tuple[int, int]] = []
    for match in _SENTENCE.finditer(text):
        sentence = match.group()
        if _HAS_WORD.search(sentence):
            start = match.start() + len(sentence) - len(sentence.lstrip())
            spans.append((start, start + len(sentence.strip())))
    return spans
