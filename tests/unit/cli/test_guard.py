"""How entry points end: one line on standard error and an exit code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cuoshi.classifier.cli.guard import guarded
from cuoshi.classifier.cli.output import emit
from cuoshi.classifier.errors import DataError, UsageError


def _raising(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("wrong"), 2, "cuoshi: error: wrong\n"),
        (DataError("bad"), 3, "cuoshi: error: bad\n"),
        (FileNotFoundError(2, "No such file", "a.txt"), 3, "cuoshi: error: a.txt: No such file\n"),
        (
            ModuleNotFoundError("no", name="torch.nn"),
            2,
            "cuoshi: error: torch is not installed; run: pip install 'cuoshi[train]'\n",
        ),
        (KeyboardInterrupt(), 130, ""),
        (SystemExit(4), 4, ""),
    ],
)
def test_every_end_has_its_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        guarded(_raising(error))
    assert end.value.code == code
    assert capsys.readouterr().err == line


def test_a_mistake_of_the_program_is_not_hidden() -> None:
    for error in (ModuleNotFoundError("no", name="nothing"), ValueError("no")):
        with pytest.raises(type(error)):
            guarded(_raising(error))


def test_what_returns_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    guarded(lambda: emit("县\n"))
    assert capsys.readouterr().out == "县\n"


class _Output:
    def __init__(self, error: OSError) -> None:
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None: ...


def test_a_closed_pipe_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _Output(BrokenPipeError(32, "Broken pipe")))
    with pytest.raises(SystemExit) as end:
        emit("县\n")
    assert end.value.code == 0


def test_a_full_disk_and_a_closed_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _Output(OSError(28, "No space left")))
    with pytest.raises(DataError, match="No space left"):
        emit("县\n")
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(UsageError, match="standard output is closed"):
        emit("县\n")
