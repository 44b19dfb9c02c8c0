"""`cuoshi label` as a process: formats, bad input, exit codes, what is imported."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ARTICLE = (
    "松口镇的两天\n来源：松口广播站　2021-03-04 08:00\n\n"
    "镇口设了卡点,过往车辆逐一检查。\n今天天气晴。\n医院收治了三名病人。小区从今晚起封闭,只留一个门。\n"
)


@pytest.fixture(scope="module")
def model(small_model: Path) -> str:
    return str(small_model)


def run(
    *arguments: str | Path, stdin: bytes | None = None, cwd: Path | None = None, columns: int = 100
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "COLUMNS": str(columns), "LC_ALL": "C"}
    return subprocess.run(
        [sys.executable, "-m", "cuoshi", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env=environment,
        cwd=cwd,
        timeout=120,
        check=False,
    )


def errors(result: subprocess.CompletedProcess[bytes]) -> list[str]:
    text = result.stderr.decode("utf-8")
    assert "Traceback" not in text
    return text.splitlines()


@pytest.fixture
def article(tmp_path: Path) -> Path:
    path = tmp_path / "article.txt"
    path.write_text(ARTICLE, encoding="utf-8")
    return path


def test_table_without_colour_when_piped(article: Path, model: str) -> None:
    result = run("label", article, "--model", model)
    text = result.stdout.decode("utf-8")
    assert result.returncode == 0, result.stderr
    assert "\x1b[" not in text
    for part in ("设卡检查", "封闭管理", "医疗救治", "无措施", "松口广播站", "2021-03-04"):
        assert part in text, part


def test_narrow_and_english(article: Path, model: str) -> None:
    text = run("label", article, "--model", model, "--lang", "en", columns=40).stdout.decode("utf-8")
    assert "no measure" in text
    assert "Checkpoints" in text


def test_json_and_jsonl_agree(article: Path, model: str) -> None:
    document = json.loads(run("label", article, "-m", model, "-f", "json").stdout)
    lines = run("label", article, "-m", model, "-f", "jsonl").stdout.decode("utf-8").splitlines()
    records = document["articles"][0]["records"]
    assert [json.loads(line) for line in lines] == records
    found = {tuple(record["labels"]) for record in records}
    assert {("checkpoint",), (), ("closure", "treatment")} <= found
    for record in records:
        assert ARTICLE[record["start"] : record["end"]] == record["text"]
    assert document["failed"] == []


def test_csv_html_md(article: Path, model: str, tmp_path: Path) -> None:
    evil = tmp_path / "evil.txt"
    evil.write_text("=1+1 医院收治了三名病人。\n<script>alert(1)</script>今天天气晴。|\n", encoding="utf-8")
    rows = list(
        csv.DictReader(io.StringIO(run("label", evil, "-m", model, "-f", "csv").stdout.decode("utf-8-sig")))
    )
    assert rows[0]["text"].startswith("'=1+1")
    page = run("label", evil, "-m", model, "-f", "html").stdout.decode("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\\|" in run("label", evil, "-m", model, "-f", "md").stdout.decode("utf-8")


def test_stdin_text_and_selection(model: str) -> None:
    gbk = ARTICLE.encode("gb18030")
    lines = run("label", "-", "-m", model, "-f", "jsonl", stdin=gbk).stdout.decode("utf-8").splitlines()
    assert {json.loads(line)["file"] for line in lines} == {"-"}
    text = "医院收治了三名病人。小区从今晚起封闭,只留一个门。"
    arguments = ("label", "--text", text, "-m", model, "-f", "jsonl")
    only = json.loads(run(*arguments, "--only", "closure", "--evidence").stdout)
    assert only["labels"] == ["closure"]
    assert only["evidence"]["closure"]["text"] == "小区从今晚起封闭,只留一个门。"
    assert json.loads(run(*arguments, "--top-k", "1").stdout)["labels"] in (["closure"], ["treatment"])
    assert json.loads(run(*arguments, "--threshold", "0.999999").stdout)["labels"] == []
    assert len(json.loads(run(*arguments, "--scores").stdout)["scores"]) == 3
    grouped = run("label", "--text", text, "-m", model, "--group").stdout.decode("utf-8")
    assert "出行" in grouped
    assert "封闭管理" not in grouped


def test_out_writes_a_whole_file(article: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = run("label", article, "-m", model, "-f", "jsonl", "--out", out)
    assert result.stdout == b""
    assert out.read_bytes() == run("label", article, "-m", model, "-f", "jsonl").stdout
    bad = run("label", article, "-m", model, "-f", "jsonl", "--out", tmp_path / "no" / "out.jsonl")
    assert bad.returncode == 2
    assert "cannot be written" in errors(bad)[0]
    own = run("label", article, "-m", model, "--out", article)
    assert own.returncode == 2
    assert article.read_text(encoding="utf-8") == ARTICLE
    table = tmp_path / "out.csv"
    assert run("label", article, "-m", model, "--out", table).returncode == 0
    assert table.read_bytes().startswith("\ufefffile,title".encode())
    assert table.read_bytes().count(b"\r\n") == table.read_bytes().count(b"\n") > 3


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices of POSIX")
@pytest.mark.parametrize("output_format", ["table", "jsonl", "html"])
def test_a_closed_pipe_and_a_full_disk(article: Path, model: str, output_format: str) -> None:
    command = [sys.executable, "-m", "cuoshi", "label", str(article), "-m", model, "-f", output_format]
    read, write = os.pipe()
    os.close(read)
    closed = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False, timeout=120)
    os.close(write)
    assert (closed.returncode, closed.stderr) == (0, b"")
    if Path("/dev/full").exists():
        with Path("/dev/full").open("wb") as full:
            result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=120)
        assert result.returncode == 3
        assert result.stderr.count(b"\n") == 1
        assert b"standard output: cannot be written" in result.stderr


def test_a_device_as_target(article: Path, model: str) -> None:
    if not Path("/dev/stdout").exists():
        pytest.skip("needs /dev/stdout")
    piped = run("label", article, "-m", model, "-f", "jsonl", "--out", "/dev/stdout")
    assert piped.stdout == run("label", article, "-m", model, "-f", "jsonl").stdout


def test_bad_inputs_are_listed_and_the_rest_is_labelled(article: Path, model: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()
    binary = tmp_path / "binary.txt"
    binary.write_bytes(bytes(range(256)) * 40)
    pdf = tmp_path / "broken.pdf"
    pdf.write_bytes(b"%PDF-1.4\nnothing here")
    folder = tmp_path / "folder"
    folder.mkdir()
    result = run(
        "label", article, empty, binary, pdf, folder, tmp_path / "gone.txt", "-m", model, "-f", "json"
    )
    assert result.returncode == 1
    lines = errors(result)
    assert len(lines) == 5
    for name in ("empty.txt", "binary.txt", "broken.pdf", "folder", "gone.txt"):
        assert any(name in line for line in lines), name
    document = json.loads(result.stdout)
    assert len(document["articles"]) == 1
    assert len(document["failed"]) == 5


def test_nothing_readable_is_bad_data(model: str, tmp_path: Path) -> None:
    result = run("label", tmp_path / "gone.txt", "-m", model)
    assert result.returncode == 3
    assert result.stdout == b""
    assert len(errors(result)) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "give either files"),
        (("--text", "封", "x.txt"), 2, "give either files"),
        (("--text", "封", "--only", "closures"), 2, "did you mean 'closure'"),
        (("--text", "封", "--threshold", "2"), 2, "threshold"),
        (("--text", "封", "--threshold", "nan"), 2, "threshold"),
        (("--text", "封", "--only", ","), 2, "--only names no label"),
        (("--text", "封", "--encoding", "zlib"), 2, "unknown --encoding"),
        (("--text", "封", "--group", "-f", "csv"), 2, "records carry groups"),
        (("疫情防控" * 2000,), 3, "a text itself goes with --text"),
        (("--text", "封", "--format", "xml"), 2, "xml"),
        (("--text", "  "), 3, "text"),
    ],
)
def test_usage(arguments: tuple[str, ...], code: int, words: str, model: str) -> None:
    result = run("label", *arguments, "-m", model)
    assert result.returncode == code
    assert words in "\n".join(errors(result))


def test_a_damaged_model_is_refused(small_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_model, tmp_path / "model"))
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    result = run("label", "--text", "封", "-m", folder)
    assert result.returncode == 3
    assert "model.safetensors: differs from manifest" in errors(result)[0]
    missing = run("label", "--text", "封", "-m", tmp_path / "none")
    assert missing.returncode == 3
    assert "no such model folder" in errors(missing)[0]


def test_a_huge_line_is_an_error_in_seconds(article: Path, model: str, tmp_path: Path) -> None:
    huge = tmp_path / "huge.txt"
    huge.write_text("桥是去年修好的" * 2_500_000, encoding="utf-8")
    result = run("label", huge, article, "-m", model, "-f", "jsonl")
    assert result.returncode == 1
    assert "split the text into paragraphs" in errors(result)[0]
    assert result.stdout.count(b"\n") >= 3


HEAVY = ("numpy", "onnxruntime", "tokenizers", "torch", "transformers", "lxml", "docx", "pypdfium2")


@pytest.mark.parametrize("arguments", [("--help",), ("label", "--help"), ("taxonomy", "--help")])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom cuoshi.classifier.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr


def test_labelling_imports_no_torch(model: str) -> None:
    code = (
        "import sys\nfrom cuoshi.classifier.cli import main\nmain_failed = None\n"
        "try:\n    main()\nexcept SystemExit as end:\n    main_failed = end.code\n"
        "heavy = [n for n in ('torch', 'transformers', 'safetensors', 'onnx') if n in sys.modules]\n"
        "assert not main_failed and not heavy, (main_failed, heavy)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "label", "--text", "封闭", "-m", model], capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_version() -> None:
    assert run("--version").stdout.startswith(b"cuoshi 0.")
