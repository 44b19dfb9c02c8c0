"""`cuoshi annotate` as a process: killed, stopped, on a full disk, with two runs at once."""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

TEXTS = [
    "镇口设了卡点,过往车辆逐一检查。",
    "今天天气晴。",
    "小区从今晚起封闭,只留一个门。",
    "医院收治了三名病人。",
]
ROWS = 1_500
posix = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    random_ = random.Random(5)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(ROWS):
            text = "".join(random_.choices(TEXTS, k=random_.randint(1, 3)))
            row = {"id": f"r{number}", "text": text, "county": f"县{number % 9}"}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            if number % 500 == 7:
                stream.write('{"id": "torn", "text": \n')
    return path


def command(model: Path, *arguments: str | Path) -> list[str]:
    fixed = ["--model", str(model), "--threads", "1", "--save-every", "64"]
    return [sys.executable, "-m", "cuoshi", "annotate", *map(str, arguments), *fixed]


def run(model: Path, *arguments: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    result = subprocess.run(
        command(model, *arguments), capture_output=True, timeout=240, check=False, **options
    )  # type: ignore[call-overload]
    assert b"Traceback" not in result.stderr, result.stderr.decode()
    return result


def files(out: Path) -> dict[str, bytes]:
    """The output and the rejects, by name without that of the run."""
    if out.is_dir():
        paths = [path for path in out.iterdir() if path.name not in ("run.json", "lock")]
        return {path.name: path.read_bytes() for path in paths}
    rejects = out.with_name(f"{out.name}.rejects.jsonl")
    return {"out": out.read_bytes(), "rejects": rejects.read_bytes()}


def counts(out: Path) -> object:
    manifest = out / "run.json" if out.is_dir() else out.with_name(f"{out.name}.run.json")
    value = json.loads(manifest.read_text(encoding="utf-8"))
    assert value["state"] == "done"
    return value["counts"]


def started(model: Path, *arguments: str | Path, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(model, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )  # type: ignore[call-overload]


def after_chunks(process: subprocess.Popen[bytes], journal: Path, number: int) -> None:
    """Wait until a run has written so many chunks."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") >= number:
            return
        time.sleep(0.005)
    raise AssertionError(process.communicate()[1].decode())


SERVER = """
import json, os, sys
import cuoshi.classifier.annotate.run, onnxruntime, pyarrow.parquet, rich.console
from cuoshi.classifier.cli import main

for line in sys.stdin:
    arguments, errors = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = ["cuoshi", *arguments]
        try:
            main()
        except SystemExit as end:
            sys.stderr.flush()
            os._exit(end.code)  # at once: libraries cannot end the threads that the fork did not take along
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """Runs in processes of their own, forked off one that has imported what takes longer than the runs."""

    def __init__(self, model: Path, errors: Path) -> None:
        self._model = model
        self._errors = errors
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._server = subprocess.Popen([sys.executable, "-c", SERVER], text=True, **pipes)  # type: ignore[call-overload]

    def run(self, *arguments: str | Path, kill_after: float | None = None) -> int:
        """The exit code of a run; -9 when it was killed after so many seconds."""
        words = command(self._model, *arguments)[3:]
        self._server.stdin.write(json.dumps([words, str(self._errors)]) + "\n")
        self._server.stdin.flush()
        child = int(self._server.stdout.readline())
        if kill_after is not None and not select.select([self._server.stdout], [], [], kill_after)[0]:
            os.kill(child, signal.SIGKILL)
        code = int(self._server.stdout.readline())
        errors = self._errors.read_text(encoding="utf-8")
        assert code in (1, -9), errors  # 1: torn rows are rejected
        assert "Traceback" not in errors
        return code

    def close(self) -> None:
        self._server.stdin.close()
        self._server.wait(timeout=60)
        self._server.stdout.close()


@pytest.fixture
def forks(small_model: Path, tmp_path: Path) -> Iterator[Forks]:
    pytest.importorskip("pyarrow")
    made = Forks(small_model, tmp_path / "errors")
    yield made
    made.close()


KILLS = int(os.environ.get("CUOSHI_KILLS", "6"))
ABOUT = ("run.json", "rejects.jsonl")
KINDS = [
    ("out.jsonl", ()),
    ("out.jsonl.gz", ()),
    ("out", ("--format", "parquet", "--shard-rows", "700")),
    ("out.csv", ()),
]


@posix
@pytest.mark.parametrize(
    ("kills", "kinds"), [(2, KINDS[:1]), pytest.param(KILLS, KINDS, marks=pytest.mark.slow)]
)
def test_kill_9_at_random_moments(
    kills: int, kinds: Sequence[tuple[str, tuple[str, ...]]], forks: Forks, rows: Path, tmp_path: Path
) -> None:
    """Environment variable CUOSHI_KILLS: how often a run of each kind is killed; 30 overnight."""
    random_ = random.Random(kills)
    for name, options in kinds:
        whole, out = tmp_path / f"whole-{name}", tmp_path / name
        begun = time.monotonic()
        forks.run(rows, "-o", whole, *options)
        length = time.monotonic() - begun
        killed = 0
        while killed < kills:
            code = forks.run(rows, "-o", out, *options, "--resume", kill_after=random_.uniform(0, length))
            killed += code == -signal.SIGKILL
            if code == 1:  # it was done; once more from the start
                assert files(out) == files(whole)
                assert counts(out) == counts(whole)
                for path in tmp_path.glob(f"{name}*"):
                    if path.name == name or path.name.removeprefix(f"{name}.") in ABOUT:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert forks.run(rows, "-o", out, *options, "--resume") == 1
        assert files(out) == files(whole)
        assert counts(out) == counts(whole)


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(number: int, code: int, small_model: Path, rows: Path, tmp_path: Path) -> None:
    out, data = tmp_path / "out.jsonl", rows.read_bytes()
    process = started(small_model, "-", "-o", out, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(data[: len(data) // 2])  # then it waits for more
    process.stdin.flush()
    after_chunks(process, tmp_path / "out.jsonl.journal", 3)
    second = run(small_model, rows, "-o", out, "--force")
    assert second.returncode == 2
    assert b"another run writes to this output" in second.stderr
    process.send_signal(number)
    assert process.wait(timeout=60) == code  # its standard input is open still
    errors = process.communicate()[1]
    assert b"stopped; go on with: cuoshi annotate" in errors
    assert b"Traceback" not in errors
    shown = subprocess.run(
        [sys.executable, "-m", "cuoshi", "runs", "show", str(out)], capture_output=True, check=False
    )
    assert b"interrupted; go on with --resume" in shown.stdout
    assert run(small_model, "-", "-o", out, "--resume", input=data).returncode == 1
    assert len(out.read_text(encoding="utf-8").splitlines()) == ROWS
    after = subprocess.run(
        [sys.executable, "-m", "cuoshi", "runs", "show", str(out), "--json"], capture_output=True, check=False
    )
    value = json.loads(after.stdout)
    assert (value["state"], value["counts"]["rejects"], len(value["resumed"])) == ("done", ROWS // 500, 1)


@posix
def test_a_full_disk(small_model: Path, rows: Path, tmp_path: Path) -> None:
    import resource

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    out = tmp_path / "out.jsonl"
    result = run(small_model, rows, "-o", out, preexec_fn=small_files)
    assert result.returncode == 3
    assert result.stderr.count(b"\n") == 2  # the first says what it runs on
    assert b"cannot be written (File too large)" in result.stderr
    assert run(small_model, rows, "-o", out, "--resume").returncode == 1
    assert len(out.read_text(encoding="utf-8").splitlines()) == ROWS


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=False)


@posix
def test_a_full_tmpfs(small_model: Path, rows: Path, small_disk: Path) -> None:
    out = small_disk / "out.jsonl"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(150_000))
    result = run(small_model, rows, "-o", out)
    assert result.returncode == 3
    assert b"cannot be written (No space left on device)" in result.stderr
    result = run(small_model, rows, "-o", out, "--resume")
    assert result.returncode == 3
    subprocess.run(["mount", "-o", "remount,size=9m", str(small_disk)], check=True)
    assert run(small_model, rows, "-o", out, "--resume").returncode == 1
    assert len(out.read_text(encoding="utf-8").splitlines()) == ROWS


@posix
def test_a_folder_that_turns_read_only(small_model: Path, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = (rows, "-o", out, "--shard-rows", "300")
    process = started(small_model, *arguments)
    after_chunks(process, out / "journal", 2)
    if not freeze(out, True):
        process.kill()
        process.communicate()
        pytest.skip("cannot make a folder read-only here")
    try:
        _, errors = process.communicate(timeout=120)
    finally:
        freeze(out, False)
    assert process.returncode == 3, errors.decode()
    assert b"cannot be written" in errors
    assert errors.count(b"\n") == 2
    assert run(small_model, *arguments, "--resume").returncode == 1
    whole = tmp_path / "whole"
    run(small_model, rows, "-o", whole, "--shard-rows", "300")
    assert files(out) == files(whole)


def freeze(folder: Path, on: bool) -> bool:
    """Make a folder read-only, or writable again; root is held by an attribute alone."""
    if os.geteuid() != 0:
        folder.chmod(0o555 if on else 0o755)
        return True
    if shutil.which("chattr") is None:
        return False
    call = ["chattr", "+i" if on else "-i", str(folder)]
    return subprocess.run(call, capture_output=True, check=False).returncode == 0


def test_damaged_inputs_cost_only_themselves(small_model: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"id": n, "text": TEXTS[n % 4]}, ensure_ascii=False).encode() for n in range(40)]
    lines[5] = b'{"id": 5, "text": "' + b"x" * 30_000_000 + b'"}'
    lines[9] = lines[9].replace("。".encode(), b"\xe3\x80")
    lines[12] = lines[11]
    source = tmp_path / "r.jsonl"
    source.write_bytes(b"\n".join(lines) + b"\n")
    out = tmp_path / "o.jsonl"
    result = run(small_model, source, "-o", out)
    assert result.returncode == 1
    found = [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert found == [n if n != 12 else 11 for n in range(40) if n not in (5, 9)]
    errors = result.stderr.decode()
    assert "warning: 1 duplicate ids, all are kept; the first: " in errors
    assert f"{source}:13 ('11')" in errors
    rejects = [json.loads(line) for line in Path(f"{out}.rejects.jsonl").read_text("utf-8").splitlines()]
    assert [reject["where"] for reject in rejects] == [f"{source}:6", f"{source}:10"]
    assert "30,000,0" in rejects[0]["reason"]
    assert "not utf-8" in rejects[1]["reason"]


def test_standard_input_and_what_is_refused(small_model: Path, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.csv"
    data = "编号,正文\r\n1,医院收治了三名病人。\r\n".encode("gb18030")
    columns = ("--text-column", "正文", "--id-column", "编号")
    result = run(small_model, "-", "-o", out, *columns, input=data)
    assert result.returncode == 0, result.stderr.decode()
    assert result.stdout == b""
    assert "1,医院收治了三名病人。,treatment" in out.read_text("utf-8-sig")
    before = out.read_bytes()
    again = run(small_model, "-", "-o", out, *columns, input=data)
    assert again.returncode == 2
    assert b"exists; go on with --resume or replace it with --force" in again.stderr
    assert out.read_bytes() == before
    assert run(small_model, "-", "-o", out, "--force", *columns, input=data).returncode == 0
    for arguments, words in (
        ((rows, "-o", tmp_path), "--shard-rows"),
        ((tmp_path / "none.jsonl", "-o", tmp_path / "p.csv"), "no such file"),
        ((rows, "-o", tmp_path / "p.csv", "--text-column", "x"), "no column 'x'"),
        ((out, "-o", out, "--force"), "is a file of the output"),
        ((rows, "-o", tmp_path / "no" / "p.csv"), "no folder"),
    ):
        result = run(small_model, *arguments)
        assert result.returncode in (2, 3), result.stderr
        assert words in result.stderr.decode(), result.stderr.decode()
        assert result.stderr.count(b"cuoshi: error: ") == 1
        assert result.stderr.count(b"\n") <= 2
    missing = subprocess.run(
        [sys.executable, "-m", "cuoshi", "runs", "show", str(tmp_path / "q.csv")],
        capture_output=True,
        check=False,
    )
    assert missing.returncode == 2
    assert b"there was no run with this output" in missing.stderr


@posix
def test_a_pipe_is_gone_on_with(small_model: Path, rows: Path, tmp_path: Path) -> None:
    data, out, whole = rows.read_bytes(), tmp_path / "out.jsonl.zst", tmp_path / "whole.jsonl.zst"
    process = started(small_model, "-", "-o", out, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(data[: 3 * len(data) // 4])
    process.stdin.flush()
    after_chunks(process, tmp_path / "out.jsonl.zst.journal", 4)
    process.kill()
    process.communicate()
    assert run(small_model, "-", "-o", whole, input=data).returncode == 1
    other = data.replace("县1".encode(), "县2".encode())
    refused = run(small_model, "-", "-o", out, "--resume", input=other)
    assert refused.returncode == 3
    assert b"-: is not what it was when the run began" in refused.stderr
    assert run(small_model, "-", "-o", out, "--resume", input=data).returncode == 1
    assert files(out) == files(whole)


HEAVY = ("numpy", "onnxruntime", "tokenizers", "pyarrow", "backports.zstd")


@pytest.mark.parametrize("arguments", [("annotate", "--help"), ("runs", "show", "--help")])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom cuoshi.classifier.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
