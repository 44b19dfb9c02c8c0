"""Texts in, labels out: tokens, scores once, decisions after."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from cuoshi.classifier.engines import Engine, Scores
from cuoshi.classifier.engines.devices import AUTO, Device, choose_device
from cuoshi.classifier.errors import ModelError, UsageError
from cuoshi.classifier.modelfolder import ONNX, TOKENIZER, WEIGHTS, ModelFolder, open_model
from cuoshi.classifier.streaming import pipeline
from cuoshi.classifier.tokens import MAX_CHARACTERS, Tokens, open_tokenizer, tokenised, unknown_token

if TYPE_CHECKING:
    from cuoshi.classifier.engines.onnx import OnnxEngine
    from cuoshi.classifier.engines.workers import WorkerEngine

__all__ = [
    "MAX_CHARACTERS",
    "Classifier",
    "Evidence",
    "Scored",
    "Selection",
    "open_tokenizer",
    "sentences",
    "unknown_token",
]

WINDOW = 1_024
CUDA_WINDOW = 8_192
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
        self.device = "cpu"
        self.window = WINDOW

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        device: str = AUTO,
        threads: int | None = None,
        workers: int | None = None,
    ) -> Classifier:
        """Open a model folder.

        Args:
            model: a folder, or the name of a shipped model; the default one without.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; see :func:`choose_device`.
            threads: on the CPU, how many paragraphs are computed at once; one a processor by default.
            workers: on the CPU, this many processes of one thread each instead of threads.

        Raises:
            ModelError: the folder is missing, altered or incomplete, or its parts contradict each other.
            UsageError: there is no such device, or the options exclude each other.
            MissingExtraError: CUDA is asked for and PyTorch is not installed.
            WorkerError: the processes do not start.
        """
        if threads is not None and workers is not None:
            raise UsageError("give either threads or workers; a worker has one thread")
        folder = open_model(model)
        chosen = choose_device(device)
        tokenizer = open_tokenizer(folder.file(TOKENIZER))
        engine, what = _open_engine(folder, chosen, threads, workers)
        classifier = cls(folder, tokenizer, engine)
        classifier.device = f"{chosen.name} ({what}): {chosen.why}"
        classifier.window = CUDA_WINDOW if chosen.is_cuda else WINDOW
        return classifier

    def close(self) -> None:
        """End worker processes, where there are any; the classifier is not used afterwards."""
        self._engine.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def score(self, texts: Sequence[str]) -> list[Scored]:
        """Score texts; a text beyond the window gets, for each label, the highest score of its windows.

        Raises:
            DataError: a text is longer than :data:`MAX_CHARACTERS`; it is named by its number, from 1.
            TypeError: ``texts`` is one string.
        """
        if isinstance(texts, str):
            raise TypeError("give a list of texts")
        return self._scored(tokenised(self._tokenizer, texts))

    def tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of texts for :meth:`score_tokens`, so that a thread of its own can prepare them.

        Raises:
            DataError: a text is longer than :data:`MAX_CHARACTERS`; it is named by its number, from 1.
        """
        return tokenised(self._tokenizer, texts)

    def score_tokens(self, texts: list[Tokens]) -> list[Scored]:
        """Score what :meth:`tokenise` made; the results are those of :meth:`score`."""
        return self._scored(texts)

    def stream(self, texts: Iterable[str], window: int | None = None) -> Iterator[Scored]:
        """Score texts as they come, in their order; the results are those of :meth:`score`.

        Texts are read ``window`` at a time (1,024 on the CPU, 8,192 on CUDA, fewer at first), sorted by
        length and put back in order. Reading ahead, tokenising, computing and whatever is done with the
        results overlap; not more than four windows are in memory.

        Raises:
            DataError: a text is longer than :data:`MAX_CHARACTERS`; it is named by its number, from 1.
            TypeError: ``texts`` is one string.
            UsageError: ``window`` is below 1.
        """
        if isinstance(texts, str):
            raise TypeError("give texts, not one text")
        size = self.window if window is None else window
        if size < 1:
            raise UsageError(f"window {size}: give a number from 1 on")

        def read(number: int, part: list[str]) -> list[Tokens]:
            return tokenised(self._tokenizer, part, number)

        return pipeline(texts, size, read, self._scored)

    def _scored(self, texts: list[Tokens]) -> list[Scored]:
        scores = self._engine.scores([window for text in texts for window in text.windows])
        result: list[Scored] = []
        at = 0
        for text in texts:
            count = len(text.windows)
            result.append(Scored(scores[at : at + count].max(axis=0), count, text.count, text.unknown))
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


def _open_engine(
    folder: ModelFolder, device: Device, threads: int | None, workers: int | None
) -> tuple[Engine, str]:
    """The engine for a device, and what it is in words.

    Raises:
        ModelError: the engine gives another number of scores than there are labels.
        UsageError: workers are asked for on CUDA.
    """
    from cuoshi.classifier.engines.onnx import OnnxEngine

    labels = len(folder.labels.ids)
    if device.is_cuda:
        if workers is not None:
            raise UsageError("workers are for the CPU; a CUDA device is fed by one process")
        from cuoshi.classifier.engines.torch import TorchEngine, load_network

        network = load_network(folder.file(WEIGHTS), folder.config, labels)
        return TorchEngine(network, device.name), "PyTorch, bf16"
    engine: OnnxEngine | WorkerEngine
    if workers is not None:
        from cuoshi.classifier.engines.workers import WorkerEngine

        engine = WorkerEngine(folder.file(ONNX), workers)
        what = f"ONNX Runtime, {workers} process{'es' if workers > 1 else ''}"
    else:
        engine = OnnxEngine(folder.file(ONNX), threads)
        what = f"ONNX Runtime, {engine.threads} thread{'s' if engine.threads > 1 else ''}"
    if engine.labels != labels:
        engine.close()
        raise ModelError(
            f"{folder.file(ONNX)}: gives {engine.labels} scores, but labels.json has "
            f"{labels} labels; export the model again"
        )
    return engine, what


def sentences(text: str) -> list[tuple[int, int]]:
    """Offsets of the sentences of a text, closing quotes included, blanks around them left out."""
    spans: list[tuple[int, int]] = []
    for match in _SENTENCE.finditer(text):
        sentence = match.group()
        if _HAS_WORD.search(sentence):
            start = match.start() + len(sentence) - len(sentence.lstrip())
            spans.append((start, start + len(sentence.strip())))
    return spans
