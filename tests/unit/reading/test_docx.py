"""Word documents, made by python-docx."""

from __future__ import annotations

import datetime
import io
import sys

import docx
import pytest

from cuoshi.classifier.errors import MissingExtraError, ReadingError
from cuoshi.classifier.reading import read_bytes


def saved(document: docx.document.Document) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


@pytest.fixture
def document() -> docx.document.Document:
    made = docx.Document()
    made.add_heading("桐柏县返乡人员服务工作方案", 0)
    made.add_paragraph("　　为做好返乡人员服务管理，制定本方案，请各乡镇遵照执行。")
    table = made.add_table(2, 3)
    for row, values in zip(table.rows, [("乡镇", "联系人", "电话"), ("城关镇", "梁山", "1001")], strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    merged = table.add_row()
    merged.cells[0].merge(merged.cells[1]).text = "值班室"
    merged.cells[2].text = "1002"
    made.add_paragraph("返乡前三天向村委会报备，\n到家后主动测温。")
    return made


def test_paragraphs_and_rows_come_in_order(document: docx.document.Document) -> None:
    article = read_bytes(saved(document), "-")
    assert [paragraph.text for paragraph in article.paragraphs] == [
        "为做好返乡人员服务管理，制定本方案，请各乡镇遵照执行。",
        "乡镇 | 联系人 | 电话",
        "城关镇 | 梁山 | 1001",
        "值班室 | 1002",
        "返乡前三天向村委会报备，",
        "到家后主动测温。",
    ]
    assert (article.title, article.encoding) == ("桐柏县返乡人员服务工作方案", None)
    assert all(article.text[each.start : each.end] == each.text for each in article.paragraphs)


def test_core_properties(document: docx.document.Document) -> None:
    document.core_properties.created = datetime.datetime(2022, 1, 5, 9, 30)  # noqa: DTZ001
    assert read_bytes(saved(document), "a.docx").date == "2022-01-05"


def test_the_librarys_template_date_is_no_date(document: docx.document.Document) -> None:
    assert read_bytes(saved(document), "a.docx").date is None


def test_missing_library_names_the_extra(
    document: docx.document.Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cuoshi\[docs\]'"):
        read_bytes(saved(document), "a.docx")


def test_empty_document_is_an_error() -> None:
    with pytest.raises(ReadingError, match=r"^a\.docx: no article"):
        read_bytes(saved(docx.Document()), "a.docx")


@pytest.mark.parametrize("cut", [100, 3000, -200])
def test_broken_document_is_an_error(document: docx.document.Document, cut: int) -> None:
    with pytest.raises(ReadingError, match=r"^a\.docx: "):
        read_bytes(saved(document)[:cut], "a.docx")


def test_renamed_file_is_an_error() -> None:
    with pytest.raises(ReadingError, match=r"not a \.docx file inside"):
        read_bytes("各村设立劝返点。".encode(), "a.docx")


def test_old_word_file_is_an_error() -> None:
    with pytest.raises(ReadingError, match=r"save it as \.docx without a password"):
        read_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.docx")
