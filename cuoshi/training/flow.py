"""When a training evaluates, saves and stops."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cuoshi.training.config import TrainConfig
from cuoshi.training.device import is_main, processes
from cuoshi.training.progress import Progress
from cuoshi.training.work import Best, Work

SCORE = "eval_macro_f1"


class Stop:
    """Whether somebody asked the training to stop; the second time it stops at once."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to Ctrl-C and to the wish of a system that ends the process.

        With several processes each would stop at a step of its own, so there it stops at once.
        """
        signals = (signal.SIGINT, signal.SIGTERM)
        if processes() > 1 or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._hear) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


class Flow(TrainerCallback):
    """Evaluates at the ends of epochs, keeps the best network, saves checkpoints, and stops in time.

    Everything is decided at the end of a step, so that a checkpoint always stands after the evaluation of
    its step.
    """

    def __init__(
        self, config: TrainConfig, work: Work, stop: Stop, progress: Progress, evaluate_every: int
    ) -> None:
        self._config = config
        self._work = work
        self._stop = stop
        self._progress = progress
        self._evaluate_every = evaluate_every
        self._saved_at = time.monotonic()
        self.evaluation_seconds = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._progress.begin(state.global_step, state.max_steps)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        step = state.global_step
        last = step >= state.max_steps
        control.should_evaluate = last or step % self._evaluate_every == 0
        control.should_save = last or self._stop.asked or self._is_due(step, control.should_evaluate)
        if self._stop.asked:
            control.should_training_stop = True
        self._progress.step(step, state.epoch or 0.0)

    def _is_due(self, step: int, evaluated: bool) -> bool:
        every = self._config.save_steps
        if every and step % every == 0:
            return True
        if processes() > 1:  # whose clocks differ
            return evaluated
        return time.monotonic() - self._saved_at > 60 * self._config.save_minutes

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._saved_at = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if logs and "loss" in logs:
            self._progress.loss(logs["loss"])

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        model: torch.nn.Module | None = None,
        **_: Any,
    ) -> None:
        assert metrics is not None
        assert model is not None
        score, epoch = metrics[SCORE], state.epoch or 0.0
        self.evaluation_seconds += metrics["eval_runtime"]
        now = Best(state.global_step, epoch, score, metrics["eval_loss"])
        if is_main() and now.beats(self._work.best()):
            self._work.save_best(getattr(model, "module", model), now)
        scores = [entry[SCORE] for entry in state.log_history if SCORE in entry]
        self._progress.score(epoch, score, max(scores))
        if self._config.patience and without_gain(scores) >= self._config.patience:
            self._progress.say(f"no better macro-F1 in {self._config.patience} evaluations; learning ends")
            control.should_training_stop = True
            control.should_save = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._progress.end()


def without_gain(scores: list[float]) -> int:
    """How many evaluations passed since the best; a network that finds nothing yet is only starting."""
    best = max(scores, default=0.0)
    return len(scores) - 1 - scores.index(best) if best > 0 else 0
