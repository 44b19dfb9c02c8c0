"""A training that is killed, stopped, or fails: what is kept, and that going on gives the same model."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from cuoshi.classifier.errors import DataError, ModelError, UsageError
from cuoshi.classifier.modelfolder import open_model
from cuoshi.training.config import TrainConfig
from cuoshi.training.flow import Flow, without_gain
from cuoshi.training.progress import Progress, clock
from cuoshi.training.train import Start, train
from cuoshi.training.work import Work

KILLED_AT = 17  # in the middle of the second epoch of 12 steps
TOLERANCE = 1e-6  # of a stored weight, between a run that was killed and one that was not

KILL = """
import os, signal, sys
from pathlib import Path
from cuoshi.training.config import make_config
from cuoshi.training.flow import Flow
from cuoshi.training.train import train
import json
step = Flow.on_step_end
def killing(self, args, state, control, **rest):
    step(self, args, state, control, **rest)
    if state.global_step == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
Flow.on_step_end = killing
train(make_config(json.loads(sys.argv[1]), "test"), Path(sys.argv[2]))
"""


@pytest.fixture
def config(small_config: TrainConfig) -> TrainConfig:
    return small_config.model_copy(update={"epochs": 4.0, "save_steps": 5, "patience": None})


@pytest.fixture(scope="module")
def whole(small_config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a training that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "model"
    same = small_config.model_copy(update={"epochs": 4.0, "save_steps": 5, "patience": None})
    train(same, out)
    return out


def _same_weights(one: Path, other: Path) -> None:
    first, second = (load_file(str(path / "model.safetensors")) for path in (one, other))
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_allclose(value, second[name], atol=TOLERANCE, rtol=0, err_msg=name)


def test_killed_and_taken_up_again(config: TrainConfig, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    arguments = [json.dumps(config.model_dump(mode="json")), str(out), str(KILLED_AT)]
    done = subprocess.run([sys.executable, "-c", KILL, *arguments], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    checkpoint = Work(out).last_checkpoint()
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-15"
    assert not out.exists()
    with pytest.raises(UsageError, match="holds a training that did not end; go on with --resume"):
        train(config, out)
    other = config.model_copy(update={"seed": 9})
    with pytest.raises(UsageError, match=r"made from something else \(seed was 1, is 9\)"):
        train(other, out, Start(resume=True))
    train(config, out, Start(resume=True))
    _same_weights(out, whole)
    assert not Work(out).folder.exists()


def test_a_checkpoint_cut_short_is_passed_over(tmp_path: Path) -> None:
    work = Work(tmp_path / "model")
    for step, state in ((5, "{}"), (10, '{"cut'), (9, "{}"), (15, None)):
        folder = work.folder / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        if state is not None:
            (folder / "trainer_state.json").write_text(state, encoding="utf-8")
    found = work.last_checkpoint()
    assert found is not None
    assert found.name == "checkpoint-9"


def test_stopped_by_hand(
    config: TrainConfig, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    step = Progress.step

    def pressing(self: Progress, number: int, epoch: float) -> None:
        step(self, number, epoch)
        if number == KILLED_AT:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "step", pressing)
        with pytest.raises(KeyboardInterrupt):
            train(config, out)
    checkpoint = Work(out).last_checkpoint()
    assert checkpoint is not None
    assert checkpoint.name == f"checkpoint-{KILLED_AT + 1}"
    train(config, out, Start(resume=True))
    _same_weights(out, whole)


def test_a_full_disk_keeps_what_was_good(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    saved = Flow.on_save

    def full(self: Flow, args: object, state: object, control: object, **rest: object) -> None:
        saved(self, args, state, control, **rest)  # type: ignore[arg-type]
        if state.global_step == 40:  # type: ignore[attr-defined]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Flow, "on_save", full)
        with pytest.raises(DataError, match=r"the disk is full; make room and go on with --resume"):
            train(config, out)
    assert Work(out).last_checkpoint() is not None
    assert not out.exists()
    train(config, out, Start(finish=True))
    assert open_model(out).config.name == "small-model"


def test_finishing_needs_something(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no network yet"):
        train(config, tmp_path / "model", Start(finish=True))


def test_too_many_flips_keep_the_network(config: TrainConfig, tmp_path: Path) -> None:
    out = tmp_path / "model"
    # Trained for a moment, with thresholds amid the scores: int8 changes some decision, none is allowed.
    strict = config.model_copy(
        update={"max_flips": 0.0, "epochs": 1.0, "encoder_rate": 1e-7, "head_rate": 1e-7}
    )
    try:
        train(strict, out)
    except ModelError as error:
        assert "accept it with --finish --set max_flips" in str(error)  # noqa: PT017
        assert "is kept in" in str(error)  # noqa: PT017
        train(strict.model_copy(update={"max_flips": 1.0}), out, Start(finish=True))
    drift = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["int8"]
    assert {"largest", "mean", "flips", "decisions", "changed", "compared", "at_least"} == drift.keys()
    assert not out.with_name("model.part").exists()


def test_patience_counts_from_the_best() -> None:
    assert without_gain([]) == 0
    assert without_gain([0.0, 0.0, 0.0, 0.0]) == 0
    assert without_gain([0.1, 0.5, 0.4, 0.5]) == 2
    assert without_gain([0.1, 0.5, 0.6]) == 0


def test_clock() -> None:
    assert [clock(s) for s in (0, 61, 3723)] == ["0:00", "1:01", "1:02:03"]
