"""Bytes to text."""

from __future__ import annotations

import codecs
import logging
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.reading.decoding import canonical, decode

SIMPLIFIED = "县指挥部要求各社区做好核酸检测，居民凭健康码出入，未经批准不得聚餐。"
TRADITIONAL = "衛生局呼籲民眾出入公共場所配戴口罩，返國旅客須居家檢疫十四天。"
CODECS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be")
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "gb18030": b"\x84\x31\x95\x33",
}


@pytest.mark.parametrize("length", [4, 8, 16, 100])
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL], ids=["simplified", "traditional"])
def test_finds_encoding_without_mark(text: str, codec: str, length: int) -> None:
    found = decode(text[:length].encode(codec), "a.txt")
    assert (found.text, found.encoding) == (text[:length], codec)


@pytest.mark.parametrize("length", [4, 8, 16, 100])
def test_finds_big5(length: int) -> None:
    assert decode(TRADITIONAL[:length].encode("big5"), "a.txt").text == TRADITIONAL[:length]


@pytest.mark.parametrize("codec", MARKS)
def test_byte_order_mark_decides(codec: str) -> None:
    found = decode(MARKS[codec] + SIMPLIFIED.encode(codec), "a.txt")
    assert (found.text, found.encoding) == (SIMPLIFIED, codec)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(SIMPLIFIED + TRADITIONAL), min_size=12, max_size=60).map("".join),
    st.sampled_from(CODECS),
)
def test_every_encoding_round_trips(text: str, codec: str) -> None:
    assert decode(text.encode(codec), "a.txt").text == text


@settings(deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufeff")),
    st.sampled_from(("utf-8", "gb18030")),
)
def test_told_encoding_gives_the_text_or_an_error(text: str, codec: str) -> None:
    try:
        found = decode(text.encode(codec), "a.txt", encoding=codec)
    except ReadingError:
        return  # noise of which another codec makes more sense
    assert found.text == text


def test_ascii_is_utf8() -> None:
    assert decode(b"Notice 12: masks required.\n", "a.txt").encoding == "utf-8"


def test_utf8_in_another_script_stays_utf8() -> None:
    assert decode("Карантин продлён до конца месяца".encode(), "a.txt").encoding == "utf-8"


@pytest.mark.parametrize("wrong", ["big5", "latin-1", "utf-16"])
def test_wrong_told_encoding_is_an_error(wrong: str) -> None:
    with pytest.raises(ReadingError, match=r"^a\.txt: .*(looks like gb18030|is not)"):
        decode(SIMPLIFIED.encode("gbk"), "a.txt", encoding=wrong)


def test_told_encoding_that_refuses_the_bytes_names_the_place() -> None:
    with pytest.raises(ReadingError, match=r"byte 4 \(line 2\) is not utf-8"):
        decode(b"abc\n" + SIMPLIFIED.encode("gbk"), "a.txt", encoding="utf-8")


def test_told_encoding_against_the_mark_is_an_error() -> None:
    with pytest.raises(ReadingError, match="has the mark of utf-8"):
        decode(codecs.BOM_UTF8 + SIMPLIFIED.encode(), "a.txt", encoding="gbk")


def test_unknown_encoding_is_an_error() -> None:
    with pytest.raises(ReadingError, match="unknown encoding 'klingon'"):
        decode(b"abc", "a.txt", encoding="klingon")


def test_utf16_told_without_mark() -> None:
    assert decode(SIMPLIFIED.encode("utf-16-be"), "a.txt", encoding="utf-16").text == SIMPLIFIED


def test_gb2312_declared_and_gbk_meant(caplog: pytest.LogCaptureFixture) -> None:
    page = f"<meta charset=gb2312><p>{SIMPLIFIED}镕喆</p>".encode("gbk")  # two characters outside GB 2312
    assert "镕喆" in decode(page, "a.html", html=True).text
    assert not caplog.records


@pytest.mark.parametrize(
    ("declared", "codec"), [("utf-8", "gb18030"), ("gb2312", "utf-8"), ("big5", "gb18030")]
)
def test_wrong_declared_charset_is_noticed(
    declared: str, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    page = f'<meta http-equiv="Content-Type" content="text/html; charset={declared}"><p>{SIMPLIFIED}</p>'
    with caplog.at_level(logging.WARNING):
        found = decode(page.encode(codec), "a.html", html=True)
    assert (found.text, found.encoding) == (page, codec)
    assert "a.html declares" in caplog.text


def test_a_broken_byte_in_a_long_page_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    data = (SIMPLIFIED * 60).encode("gbk")
    found = decode(data + b"\xd2", "a.txt")
    assert found.text.startswith(SIMPLIFIED)
    assert found.text.count("\ufffd") == 1
    assert "1 broken bytes" in caplog.text


def test_binary_data_is_an_error() -> None:
    with pytest.raises(ReadingError, match="not text in a known encoding"):
        decode(random.Random(7).randbytes(4000), "a.txt")


@pytest.mark.parametrize("label", ["hex", "zlib", "rot13", "undefined", "编码", ""])
def test_codecs_that_give_no_text_are_unknown(label: str) -> None:
    assert canonical(label) is None
