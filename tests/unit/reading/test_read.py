"""The doors: files, bytes, text."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuoshi.classifier.errors import ReadingError, UsageError
from cuoshi.classifier.reading import find_files, read_bytes, read_file, read_text

LINE = "各村设立劝返点，外来车辆一律登记。"
ALPHABET = "疫情防控a1 \u3000\t\n\r\u200b\ufeff，。：>"


@given(st.text(st.sampled_from(ALPHABET)), st.sampled_from(["a.txt", "-"]))
def test_offsets_slice_back(text: str, name: str) -> None:
    try:
        article = read_bytes(text.encode(), name)
    except ReadingError:
        return
    places = [(each.start, each.end) for each in article.paragraphs]
    assert places == sorted(places)
    assert [each.index for each in article.paragraphs] == list(range(len(places)))
    for each in article.paragraphs:
        source = article.text[each.start : each.end].replace("\u200b", "").replace("\ufeff", "")
        assert "".join(source.split()) == "".join(each.text.split())


@given(st.text(st.sampled_from(ALPHABET)))
def test_text_loses_nothing(text: str) -> None:
    if not text.strip(" \u3000\t\n\r\u200b\ufeff"):
        with pytest.raises(ReadingError, match="the text is empty"):
            read_text(text)
        return
    article = read_text(text)
    visible = text.replace("\u200b", "").replace("\ufeff", "")
    assert "".join("".join(each.text.split()) for each in article.paragraphs) == "".join(visible.split())
    assert article.text == text


def test_text_keeps_what_looks_like_furniture() -> None:
    assert [each.text for each in read_text(f"热点排行\n{LINE}\n责任编辑：苏禾").paragraphs] == [
        "热点排行",
        LINE,
        "责任编辑：苏禾",
    ]


def test_ids_are_stable_and_tell_repeats_apart() -> None:
    stem = "p" + hashlib.sha256(LINE.encode()).hexdigest()[:10]
    article = read_text(f"{LINE}\n另一段。\n{LINE}\n　{LINE}")
    assert [each.id for each in article.paragraphs if each.text == LINE] == [stem, f"{stem}-2", f"{stem}-3"]
    assert read_text(LINE).paragraphs[0].id == stem


def test_file_and_bytes_agree(tmp_path: Path) -> None:
    path = tmp_path / "通报.txt"
    path.write_bytes(LINE.encode("gbk"))
    assert read_file(path) == read_bytes(LINE.encode("gbk"), str(path))
    assert read_file(path).encoding == "gb18030"


def test_html_is_known_by_its_content() -> None:
    page = f"\n<!DOCTYPE html><html><body><p>{LINE}</p></body></html>"
    assert [each.text for each in read_bytes(page.encode("utf-16"), "-").paragraphs] == [LINE]


def test_few_control_characters_are_put_up_with() -> None:
    assert read_bytes(f"\ufeff各村\x02设立{LINE}".encode(), "a.txt").paragraphs[0].text == f"各村设立{LINE}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b" \n\t ", "the file is empty"),
        ("\u3000\u200b\n".encode(), "no article in it"),
        (f"{LINE}\x00{LINE}".encode(), "NUL character at 17"),
        (b"\x01\x02\x03\x04" * 50, "control characters|not text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "a picture"),
        (b"PK\x03\x04" + bytes(40), "an archive"),
        (b"{\\rtf1 abc}", "rich text"),
        ("热点排行\n猜你喜欢".encode(), "only navigation"),
    ],
)
def test_what_cannot_be_read_is_an_error(data: bytes, message: str) -> None:
    with pytest.raises(ReadingError, match=f"^a.txt: .*(?:{message})") as caught:
        read_bytes(data, "a.txt")
    assert "\n" not in str(caught.value)


def test_wrong_encoding_is_an_error() -> None:
    with pytest.raises(ReadingError, match="--encoding"):
        read_bytes(LINE.encode("gbk"), "a.txt", encoding="utf-8")


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match="cannot be read"):
        read_file(tmp_path / "fehlt.txt")


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    for name in (
        "b/2.txt",
        "a.MD",
        "b/1.html",
        "b/c/3.pdf",
        "skip.csv",
        ".hidden.txt",
        "~$lock.docx",
        ".git/x.md",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find_files(tmp_path / "skip.csv") == [tmp_path / "skip.csv"]
    found = [path for path in find_files(tmp_path) if isinstance(path, Path)]
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "a.MD",
        "b/1.html",
        "b/2.txt",
        "b/c/3.pdf",
    ]


@pytest.mark.parametrize("name", ["", "fehlt", "疫情防控" * 2000, "a\udcff"])
def test_missing_path_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match=r"^.{1,60}: no such file or folder; .*--text") as caught:
        find_files(name)
    assert str(caught.value).encode()


def test_a_folder_that_cannot_be_searched_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").touch()
    closed = tmp_path / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    file, error = find_files(tmp_path)
    assert file == tmp_path / "a.txt"
    assert "closed: cannot be searched (Permission denied)" in str(error)


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.txt"))
    try:
        path.write_text(LINE, encoding="utf-8")
    except OSError:
        pytest.skip("this file system has names in Unicode only")
    assert Path(read_file(path).file).name == "a\ufffd.txt"


def test_folder_without_articles_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(UsageError, match="no articles in this folder"):
        find_files(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["疫情防控，各地落实。", "…", " \u200b检", "a b "])
def test_one_huge_line_takes_linear_time(unit: str) -> None:
    data = (unit * (50_000_000 // len(unit.encode()))).encode()
    start = time.perf_counter()
    assert len(read_bytes(b"x" + data, "a.txt").paragraphs) == 1
    assert time.perf_counter() - start < 30
