"""The folder beside a model in which it is learned: checkpoints, the best network, what they belong to."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from cuoshi.classifier.errors import ModelError, UsageError
from cuoshi.classifier.modelfolder import write_json
from cuoshi.training.config import FREE

BEST = "best.safetensors"
BEST_SCORE = "best.json"
FINGERPRINT = "run.json"
STATE = "trainer_state.json"  # what transformers writes last of a checkpoint


@dataclass(frozen=True)
class Best:
    """The best network so far: its step, its epoch, and its macro-F1 and loss on validation."""

    step: int
    epoch: float
    macro_f1: float
    loss: float

    def beats(self, other: Best | None) -> bool:
        """Whether it is better: by macro-F1, of equal ones by loss."""
        return other is None or (self.macro_f1, -self.loss) > (other.macro_f1, -other.loss)


class Work:
    """``NAME.work`` beside the model folder ``NAME``."""

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(out.name + ".work")

    def begin(self, made_from: dict[str, Any], resume: bool) -> Path | None:
        """Open the folder for a training; the checkpoint to go on from, None to begin at the beginning.

        Args:
            made_from: what the training is made from; a training is only taken up with the same.
            resume: go on where an earlier process stopped.

        Raises:
            UsageError: the training that is to be taken up was made from something else.
        """
        file = self.folder / FINGERPRINT
        if resume and file.is_file():
            self._check_same(json.loads(file.read_text(encoding="utf-8")), made_from)
            return self.last_checkpoint()
        self.remove()
        self.folder.mkdir(parents=True)
        write_json(file, made_from)
        return None

    def check_free(self) -> None:
        """See that the folder holds no training that somebody may want to take up.

        Raises:
            UsageError: it does.
        """
        if (self.folder / FINGERPRINT).is_file():
            raise UsageError(
                f"{self.folder}: holds a training that did not end; "
                "go on with --resume, or throw it away with --restart"
            )

    def _check_same(self, then: dict[str, Any], now: dict[str, Any]) -> None:
        now = json.loads(json.dumps(now))
        for key in sorted({*then, *now} - FREE - {"versions"}):
            if then.get(key) != now.get(key):
                what = f"{key} was {_short(then.get(key))}, is {_short(now.get(key))}"
                if key == "data_sha256":
                    files = {*then[key], *now[key]}
                    what = f"{min(f for f in files if then[key].get(f) != now[key].get(f))} changed"
                raise UsageError(
                    f"{self.folder}: holds a training made from something else ({what}); "
                    "set it back, or throw the training away with --restart"
                )

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint that was written to its end."""
        found = sorted(self.folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        for path in reversed(found):
            try:
                json.loads((path / STATE).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            return path
        return None

    def drop_incomplete(self) -> None:
        """Remove what a full disk left of a checkpoint."""
        for path in self.folder.glob("checkpoint-*"):
            if not (path / STATE).is_file():
                shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob("*.part"):
            path.unlink()

    def best(self) -> Best | None:
        """The best network so far, if there is one."""
        try:
            return Best(**json.loads((self.folder / BEST_SCORE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def save_best(self, network: nn.Module, best: Best) -> None:
        """Keep a network, whole or not at all."""
        part = self.folder / f"{BEST}.part"
        state = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
        save_file(state, str(part))
        part.replace(self.folder / BEST)
        score = self.folder / f"{BEST_SCORE}.part"
        write_json(score, vars(best))
        score.replace(self.folder / BEST_SCORE)

    def load_best(self, network: nn.Module) -> Best:
        """Put the parameters of the best network into ``network``.

        Raises:
            ModelError: there is none yet.
        """
        best = self.best()
        if best is None:
            raise ModelError(f"{self.folder}: has no network yet; let it learn until its first evaluation")
        state: dict[str, torch.Tensor] = load_file(str(self.folder / BEST))
        network.load_state_dict(state)
        return best

    def remove(self) -> None:
        """Throw everything away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
