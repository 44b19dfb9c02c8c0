"""The parts of `cuoshi label`: format, names, inputs, target."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuoshi.classifier.cli import inputs as cli_inputs
from cuoshi.classifier.cli.inputs import find_inputs, read_inputs
from cuoshi.classifier.cli.label import Format, check_encoding, choose_format, split_names
from cuoshi.classifier.cli.target import check_target, write_target
from cuoshi.classifier.errors import MissingExtraError, UsageError
from cuoshi.classifier.reading import Article
from cuoshi.classifier.views import Failure


@pytest.mark.parametrize(
    ("given", "out", "chosen"),
    [
        (None, None, Format.table),
        (None, "a.JSON", Format.json),
        (None, "a.htm", Format.html),
        (None, "a.txt", Format.table),
        (None, "a.xyz", Format.table),
        (Format.csv, "a.xyz", Format.csv),
        (Format.html, "a.htm", Format.html),
        (Format.csv, None, Format.csv),
    ],
)
def test_the_format(given: Format | None, out: str | None, chosen: Format) -> None:
    assert choose_format(given, Path(out) if out else None, False) is chosen


def test_formats_that_contradict() -> None:
    with pytest.raises(UsageError, match=r"--format csv, but --out ends in \.html"):
        choose_format(Format.csv, Path("a.html"), False)
    for records in (Format.json, Format.jsonl, Format.csv):
        with pytest.raises(UsageError, match="records carry groups themselves"):
            choose_format(records, None, True)
    with pytest.raises(UsageError, match="records carry groups themselves"):
        choose_format(None, Path("a.csv"), True)
    assert choose_format(Format.md, None, True) is Format.md


def test_names_and_encodings() -> None:
    assert split_names(["a, b", "c，d"]) == ("a", "b", "c", "d")
    assert split_names(None) == ()
    for empty in ("", ",", " ， "):
        with pytest.raises(UsageError, match="--only names no label"):
            split_names([empty])
    check_encoding(None)
    check_encoding("GBK")
    with pytest.raises(UsageError, match="unknown --encoding 'hex'"):
        check_encoding("hex")


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.txt").write_text("全村封闭。", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = find_inputs(["b", "b/a.txt", "./b/../b/a.txt", "-", "-", "gone", str(tmp_path)])
    assert found[:2] == [Path("b/a.txt"), Path("-")]
    assert [item.file for item in found[2:] if isinstance(item, Failure)] == ["gone"]
    assert len(found) == 3


def test_a_missing_package_names_the_file_and_keeps_its_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusing(path: Path, encoding: str | None) -> Article:
        raise MissingExtraError("pypdfium2", "docs")

    monkeypatch.setattr(cli_inputs, "read_file", lambda path, *, encoding: refusing(path, encoding))
    items = list(read_inputs([Path("a.pdf"), Path("b.pdf")], None, progress=True))
    assert items[1] == Failure(
        "b.pdf", "b.pdf: pypdfium2 is not installed", "run: pip install 'cuoshi[docs]'"
    )
    assert capsys.readouterr().err == "1/2 a.pdf\n2/2 b.pdf\n"


def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    (failure,) = read_inputs([Path("-")], None, progress=False)
    assert isinstance(failure, Failure)
    assert "standard input is closed" in failure.error


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "a folder"),
        (".", "a folder"),
        ("/", "a folder"),
        ("no/a.csv", "cannot be written"),
        ("县" * 300, "cannot be written"),
        ("a.txt", "is one of the inputs"),
        ("link.txt", "is one of the inputs"),
        ("a.txt/b.csv", "cannot be written"),
    ],
)
def test_targets_are_refused_before_the_work(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("全村封闭。", encoding="utf-8")
    Path("link.txt").symlink_to("a.txt")
    with pytest.raises(UsageError, match=words):
        check_target(Path(name), [Path("a.txt"), Path("-")])


def test_a_folder_without_rights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match="no right to write"):
        check_target(tmp_path / "a.csv", [])
    (tmp_path / "a.csv").touch()
    with pytest.raises(UsageError, match="Permission denied"):
        check_target(tmp_path / "a.csv", [])


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    real = tmp_path / ("县" * 80 + ".csv")
    real.write_text("old", encoding="utf-8")
    real.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(real.name)
    check_target(link, [])
    write_target(link, "新\r\n")
    assert real.read_bytes() == "新\r\n".encode()
    assert real.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write_target(tmp_path / "a.csv", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs /dev/null")
def test_a_device_is_written_to() -> None:
    check_target(Path("/dev/null"), [])
    write_target(Path("/dev/null"), "x")
    assert not Path("/dev/null").is_file()
