"""`cuoshi annotate --engine ray` on a cluster of two machines that are processes here, and on its own."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray"),
    pytest.mark.skipif(sys.platform != "linux", reason="Ray is tested on Linux"),
]
TEXTS = [
    "镇口设了卡点,过往车辆逐一检查。",
    "今天天气晴。",
    "小区从今晚起封闭,只留一个门。",
    "医院收治了三名病人。",
]
ROWS = 6_000
STORE = 80 << 20


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """No reports home, and no token in the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield


class Cluster:
    """Two machines of one CPU each, as processes here; Ray is kept out of this process."""

    SCRIPT = f"""
import sys
from ray.cluster_utils import Cluster
size = {{"num_cpus": 1, "object_store_memory": {STORE}}}
cluster = Cluster(initialize_head=True, head_node_args={{**size, "include_dashboard": False}})
cluster.add_node(**size)
print("address", cluster.address, flush=True)
third = None
for line in sys.stdin:
    if third is None:
        third = cluster.add_node(**size)
    else:
        cluster.remove_node(third, allow_graceful=False)
    print("done", flush=True)
cluster.shutdown()
"""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.address = self._answer("address").split()[1]

    def _answer(self, begin: str) -> str:
        assert self.process.stdout is not None
        return next(line for line in self.process.stdout if line.startswith(begin))

    def third(self) -> None:
        """Add a third machine, and the next time lose it."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self._answer("done")

    def close(self) -> None:
        self.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def cluster(environment: None) -> Iterator[Cluster]:
    started = Cluster()
    yield started
    started.close()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    random_ = random.Random(8)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(ROWS):
            text = "".join(random_.choices(TEXTS, k=random_.randint(1, 4)))
            row = {"id": f"r{number % 5_900}", "text": text, "county": f"县{number % 9}"}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            if number % 700 == 7:
                stream.write('{"id": "torn", "text": \n')
    return path


@pytest.fixture(scope="module")
def whole(small_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the local engine makes of the rows: shards of 700."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert run(small_model, rows, "-o", out, "--shard-rows", 700, "--threads", 1).returncode == 1
    return out


def command(model: Path, *arguments: object) -> list[str]:
    fixed = ["--model", model.name, "--save-every", 32, "--scores"]
    return [sys.executable, "-m", "cuoshi", "annotate", *map(str, [*arguments, *fixed])]


def run(model: Path, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    # a folder of its own, so that the names of model and inputs have to be understood elsewhere too
    result = subprocess.run(
        command(model, *arguments), capture_output=True, timeout=240, check=False, cwd=model.parent
    )
    assert b"Traceback" not in result.stderr, result.stderr.decode()
    assert result.stdout == b""
    return result


def started(model: Path, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(model, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=model.parent,
        start_new_session=True,
    )


def after_chunks(process: subprocess.Popen[bytes], journal: Path, number: int) -> None:
    """Wait until a run has written so many chunks."""
    end = time.monotonic() + 200
    while time.monotonic() < end and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") >= number:
            return
        time.sleep(0.005)
    process.kill()
    raise AssertionError(process.communicate()[1].decode())


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name != "run.json"}


def manifest(out: Path) -> Any:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def assert_same(out: Path, whole: Path) -> None:
    """The same files and counts, and a manifest that says where the work was done."""
    assert files(out) == files(whole)
    found, expected = manifest(out), manifest(whole)
    assert found["state"] == "done"
    assert found["counts"] == expected["counts"]
    assert (found["counts"]["rejects"], found["counts"]["duplicates"]) == (9, 100)
    assert [entry["sha256"] for entry in found["inputs"]] == [entry["sha256"] for entry in expected["inputs"]]
    assert (found["engine"]["name"], expected["engine"]["name"]) == ("ray", "local")


def processes(cluster: Cluster, name: str) -> list[int]:
    """The processes of a cluster whose names, as Ray gives them, begin so; oldest first."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        number = int(path.parent.name)
        try:
            if path.read_bytes().startswith(name.encode()) and is_below(number, cluster.process.pid):
                found.append((path.stat().st_ctime, number))
        except OSError:
            continue
    return [number for _, number in sorted(found)]


def is_below(number: int, ancestor: int) -> bool:
    """Whether a process was begun by another, or by one that this one began."""
    while number not in (0, ancestor):
        number = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
    return number == ancestor


def test_a_driver_that_is_killed_or_stopped(
    cluster: Cluster, small_model: Path, rows: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = (os.path.relpath(rows, small_model.parent), "-o", out, "--shard-rows", 700)
    elsewhere = (*arguments, "--engine", "ray", "--address", cluster.address, "--resume")
    for number, begun in ((10, (*arguments, "--threads", 1)), (40, elsewhere)):  # one engine, then the other
        process = started(small_model, *begun)
        after_chunks(process, out / "journal", number)
        process.kill()
        process.communicate()
    full = [path for path in out.glob("part-*") if path.suffix != ".part"]
    kept = {path: path.stat().st_ino for path in full}
    assert kept  # a shard that is full is not made again
    process = started(small_model, *elsewhere)
    after_chunks(process, out / "journal", (out / "journal").read_bytes().count(b"\n") + 20)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert b"stopped; go on with: cuoshi annotate" in errors
    assert b"Traceback" not in errors
    assert manifest(out)["state"] == "interrupted"
    assert run(small_model, *elsewhere).returncode == 1
    assert {path: path.stat().st_ino for path in full} == kept
    assert len(manifest(out)["resumed"]) == 3
    assert manifest(out)["engine"]["machines"] == 2
    renamed = [path for path in files(whole) if path.startswith("part-")]
    assert len(renamed) == ROWS // 700 + 1
    # the name of the inputs is another one here, and stands in the rejects
    assert {name: files(out)[name] for name in renamed} == {name: files(whole)[name] for name in renamed}
    assert manifest(out)["counts"]["rejects"] == 9


def test_workers_that_are_killed(
    cluster: Cluster, small_model: Path, rows: Path, whole: Path, tmp_path: Path
) -> None:
    """Ray itself may, rarely, lose the end of a task that died: then a run stands still and is resumed."""
    stuck = 0
    for attempt in range(2):
        out = tmp_path / f"out{attempt}"
        arguments = (rows, "-o", out, "--shard-rows", 700, "--engine", "ray", "--address", cluster.address)
        process = started(small_model, *arguments)
        after_chunks(process, out / "journal", 20)
        killed = [*processes(cluster, "ray::MapWorker")[:1], *processes(cluster, "ray::MapBatches")]
        assert len(killed) == 2, "an actor and the task that reads"
        for number in killed:
            os.kill(number, signal.SIGKILL)
        try:
            stdout, errors = process.communicate(timeout=100)
        except subprocess.TimeoutExpired:
            stuck += 1
            process.kill()
            process.communicate()
            assert run(small_model, *arguments, "--resume").returncode == 1
        else:
            assert (process.returncode, stdout) == (1, b""), errors.decode()
            assert b"Traceback" not in errors
            assert b"cuoshi: Ray: A worker died or was killed" in errors
            assert max(map(len, errors.splitlines())) < 500
        assert_same(out, whole)
        if not stuck:
            break
    assert stuck < 2


def test_a_machine_that_is_lost(
    cluster: Cluster, small_model: Path, rows: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    cluster.third()
    arguments = (rows, "-o", out, "--shard-rows", 700, "--engine", "ray", "--address", cluster.address)
    process = started(small_model, *arguments)
    after_chunks(process, out / "journal", 30)
    cluster.third()
    stdout, errors = process.communicate(timeout=240)
    assert (process.returncode, stdout) == (1, b""), errors.decode()
    assert b"on Ray, 3 on cpu" in errors
    assert_same(out, whole)


def test_a_cluster_of_its_own(small_model: Path, rows: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = (rows, "-o", out, "--shard-rows", 700, "--engine", "ray", "--workers", 2)
    result = run(small_model, *arguments)
    assert result.returncode == 1
    assert b"on Ray, 2 on cpu, 1 CPU each" in result.stderr
    assert len(result.stderr.splitlines()) < 15, "Ray is still"
    assert_same(out, whole)


def test_formats(cluster: Cluster, small_model: Path, rows: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    few = tmp_path / "few.jsonl"
    few.write_bytes(b"".join(rows.read_bytes().splitlines(keepends=True)[:700]))
    for form, options in (("parquet", ["--layout", "long"]), ("csv.gz", ["--measures-only"])):
        one, other = tmp_path / f"ray.{form}", tmp_path / f"local.{form}"
        ray = ("--engine", "ray", "--address", cluster.address)
        assert run(small_model, few, "-o", one, *options, *ray).returncode == 1
        assert run(small_model, few, "-o", other, *options, "--threads", 1).returncode == 1
        assert one.read_bytes() == other.read_bytes()


def test_faults(cluster: Cluster, small_model: Path, rows: Path, tmp_path: Path) -> None:
    ray = ("--engine", "ray", "--address", cluster.address)
    out = tmp_path / "out.jsonl"
    whole = rows.read_bytes()
    changing = tmp_path / "changing.jsonl"
    changing.write_bytes(whole * 2)
    process = started(small_model, changing, "-o", out, *ray)
    after_chunks(process, tmp_path / "out.jsonl.journal", 5)
    changing.write_bytes(whole[: len(whole) // 2])
    errors = process.communicate(timeout=240)[1]
    assert process.returncode == 3
    assert re.search(rb"changing.jsonl: (shrank|was changed)", errors), errors.decode()
    assert b"Traceback" not in errors
    result = run(small_model, rows, "-o", tmp_path / "other.jsonl", *ray, "--threads", 2)
    assert result.returncode == 2
    assert b"no machine of the cluster has 2 CPUs" in result.stderr


def test_usage(small_model: Path, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    cases = [
        (rows, ("--address", "127.0.0.1:1"), b"no Ray cluster to work with"),
        (rows, ("--address", "ray://head:10001"), b"not over Ray Client"),
        (rows, ("--device", "cuda:1"), b"Ray chooses"),
        ("-", (), b"a pipe cannot be read by a cluster"),
    ]
    for name, options, said in cases:
        result = run(small_model, name, "-o", out, "--engine", "ray", *options)
        assert (result.returncode, result.stderr.count(b"\n")) == (2, 1)
        assert said in result.stderr
    assert not list(tmp_path.iterdir())
