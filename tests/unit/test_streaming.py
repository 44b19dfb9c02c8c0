"""Streams: in order, lazy, bounded, the same scores; worker processes that end with the program."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cuoshi.classifier.errors import DataError, UsageError, WorkerError
from cuoshi.classifier.predict import MAX_CHARACTERS, Classifier
from cuoshi.classifier.streaming import AHEAD, pipeline, windows

TEXTS = [
    "镇口设了卡点。",
    "",
    "今天天气晴。",
    "\0",
    "小区封闭七天。" * 20,
    "桥",
    "　",
    "医院收治了三名病人。",
] * 9


@pytest.fixture(scope="module")
def classifier(small_model: Path) -> Classifier:
    return Classifier.load(small_model, threads=2)


@pytest.fixture(scope="module")
def workers(small_model: Path) -> Iterator[Classifier]:
    with Classifier.load(small_model, workers=2) as found:
        yield found


def _same(first: Classifier, second: Classifier, texts: list[str]) -> None:
    for a, b in zip(first.score(texts), second.score(texts), strict=True):
        np.testing.assert_array_equal(a.scores, b.scores)
        assert (a.windows, a.tokens, a.unknown) == (b.windows, b.tokens, b.unknown)


@pytest.mark.parametrize("window", [1, 7, 64, 1000])
def test_a_stream_gives_what_a_list_gives_in_its_order(classifier: Classifier, window: int) -> None:
    wanted = classifier.score(TEXTS)
    found = list(classifier.stream(iter(TEXTS), window))
    for a, b in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(a.scores, b.scores)
        assert (a.windows, a.tokens, a.unknown) == (b.windows, b.tokens, b.unknown)


def test_a_stream_reads_only_as_far_as_it_must(classifier: Classifier) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield TEXTS[read % 3]

    stream = classifier.stream(endless(), window=10)
    assert len(list(itertools.islice(stream, 25))) == 25
    assert read <= 10 * (3 + AHEAD)
    stream.close()  # type: ignore[attr-defined]


def test_nothing_to_stream(classifier: Classifier) -> None:
    assert list(classifier.stream([])) == []


def test_a_stream_names_the_text_that_is_too_long(classifier: Classifier) -> None:
    texts = ["桥"] * 149 + ["桥" * (MAX_CHARACTERS + 1)]
    stream = classifier.stream(texts, window=64)
    assert len(list(itertools.islice(stream, 64))) == 64
    with pytest.raises(DataError, match="paragraph 150 has"):
        list(stream)


def test_misuse(classifier: Classifier, small_model: Path) -> None:
    with pytest.raises(TypeError, match="not one text"):
        classifier.stream("封闭")
    with pytest.raises(UsageError, match="window 0"):
        classifier.stream(["封闭"], window=0)
    with pytest.raises(UsageError, match="either threads or workers"):
        Classifier.load(small_model, threads=1, workers=1)
    with pytest.raises(UsageError, match="workers 0"):
        Classifier.load(small_model, workers=0)


def test_windows_double() -> None:
    assert [(at, len(part)) for at, part in windows(range(500), 200)] == [
        (1, 64),
        (65, 128),
        (193, 200),
        (393, 108),
    ]


def test_an_error_of_the_source_comes_through() -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        list(pipeline(source(), 2, lambda _, part: part, lambda part: part))


def test_steps_overlap() -> None:
    def slow(_: int, part: list[int]) -> list[int]:
        time.sleep(0.05)
        return part

    start = time.perf_counter()
    assert list(pipeline(range(10), 1, slow, lambda part: slow(0, part))) == list(range(10))
    assert time.perf_counter() - start < 0.9


def test_workers_score_like_threads(classifier: Classifier, workers: Classifier) -> None:
    assert "2 processes" in workers.device
    _same(classifier, workers, TEXTS)
    assert [s.windows for s in workers.stream(TEXTS)] == [s.windows for s in classifier.score(TEXTS)]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_worker_is_a_clear_error(small_model: Path) -> None:
    with Classifier.load(small_model, workers=1) as classifier:
        for process in list(classifier._engine._pool._processes.values()):  # type: ignore[attr-defined]
            os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="a worker process ended before its work"):
            classifier.score(TEXTS)


SCRIPT = """
import sys
from cuoshi import Classifier
if __name__ == "__main__":
    classifier = Classifier.load(sys.argv[1], workers=2)
    print(*(process.pid for process in classifier._engine._pool._processes.values()), flush=True)
    try:
        for scored in classifier.stream("封" * (i % 30) for i in range(10**9)):
            pass
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_workers_end_with_the_program(small_model: Path, tmp_path: Path, sent: int, code: int) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, str(script), str(small_model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        time.sleep(0.5)
        process.send_signal(sent)
        assert process.wait(timeout=30) == code
        if sent is not signal.SIGKILL:  # Python's own resource tracker tells of the other
            assert process.stderr.read() == ""
    end = time.monotonic() + 20
    while any(_alive(pid) for pid in pids):
        assert time.monotonic() < end, "workers are left over"
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
