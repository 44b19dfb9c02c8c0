"""PDF, made by reportlab with a font that every reader has."""

from __future__ import annotations

import io
import sys

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from cuoshi.classifier.errors import MissingExtraError, ReadingError
from cuoshi.classifier.reading import read_bytes

SIZE, PITCH, LEFT, TOP = 14, 24, 72, 780
TITLE = "临江县疫情防控工作简报"
BODY = [
    "三月以来，临江县在全县范围内开展外来人员大排查，组织干部逐户登记，建立台账，落实居家隔离和健康监测措施，共排查返乡人员1.2万人，为其中三百余人安排了核酸检测。",
    "一、严格道路管控",
    "县交警大队在高速出口设立检查站，对过往车辆逐一测温登记，劝返无必要出行的车辆三百余台，对进出车辆轮胎进行消毒，并为滞留司机送去盒饭、开水和防寒衣物，安排临时休息点。",
    "全县公交停运。",
    "全县学校推迟开学，教师通过网络授课，为缺少设备的学生配发平板电脑和流量卡，保障学生在家学习不掉队，同时开通心理热线，由专业教师轮流值守，解答家长和学生的疑问。"
    * 2,
]


def pdf(
    paragraphs: list[str], *, width: int = 32, lines: int = 10, indent: int = 2, password: str = ""
) -> bytes:
    """Return pages with a running head and page numbers, paragraphs indented by so many characters."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    buffer = io.BytesIO()
    encryption = StandardEncryption(password) if password else None
    canvas = Canvas(buffer, encrypt=encryption)
    page, row = 0, lines
    for text in paragraphs:
        rest, first = text, True
        while rest:
            if row == lines:
                if page:
                    canvas.showPage()
                page, row = page + 1, 0
                canvas.setFont("STSong-Light", 9)
                canvas.drawString(LEFT, 815, "临江县人民政府公报")
                canvas.drawString(290, 30, f"- {page} -")
                canvas.setFont("STSong-Light", SIZE)
            shift = indent if first and len(text) > width / 2 else 0
            canvas.drawString(LEFT + SIZE * shift, TOP - PITCH * row, rest[: width - shift])
            rest, first, row = rest[width - shift :], False, row + 1
    canvas.save()
    return buffer.getvalue()


def test_broken_sentences_are_joined_and_heads_dropped() -> None:
    article = read_bytes(pdf([TITLE, *BODY]), "-")
    assert ["".join(each.text.split()) for each in article.paragraphs] == [TITLE, *BODY]
    assert article.title == TITLE
    assert "公报" not in article.text


def test_without_indents_sentences_end_paragraphs() -> None:
    article = read_bytes(pdf(BODY[:3], indent=0, lines=4), "-")
    assert ["".join(each.text.split()) for each in article.paragraphs] == BODY[:3]


def test_offsets_hold_the_lines() -> None:
    article = read_bytes(pdf([TITLE, *BODY]), "a.pdf")
    for each in article.paragraphs:
        assert "".join(article.text[each.start : each.end].split()) == "".join(each.text.split())


def test_encrypted_file_is_an_error() -> None:
    with pytest.raises(ReadingError, match="encrypted"):
        read_bytes(pdf(BODY, password="geheim"), "a.pdf")


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cuoshi\[docs\]'"):
        read_bytes(pdf(BODY), "a.pdf")


def test_scan_is_an_error() -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.rect(100, 100, 300, 300, fill=1)
    canvas.save()
    with pytest.raises(ReadingError, match="OCR"):
        read_bytes(buffer.getvalue(), "a.pdf")


@pytest.mark.parametrize("data", [b"%PDF-1.4\nbroken", b"%PDF-1.7\n%%EOF"])
def test_broken_file_is_an_error(data: bytes) -> None:
    with pytest.raises(ReadingError, match="not a readable PDF"):
        read_bytes(data, "a.pdf")
