"""What a person sees: tables for wide and narrow terminals, Markdown and HTML."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from cuoshi.classifier.predict import Classifier, Selection
from cuoshi.classifier.reading import read_text
from cuoshi.classifier.records import LabelledArticle, Wanted, label_article
from cuoshi.classifier.views import View, render
from cuoshi.classifier.views.terminal import print_articles

TEXT = (
    "镇口设了卡点,过往车辆逐一检查。\n[red]今天天气晴。[/red] <b>&\n"
    "医院收治了三名病人。小区从今晚起封闭,只留一个门。\n"
    + "桥是去年修好的。" * 12
    + "|村口有人值守,劝返外来车。"
)


@pytest.fixture(scope="module")
def classifier(small_model: Path) -> Classifier:
    return Classifier.load(small_model)


@pytest.fixture(scope="module")
def article(classifier: Classifier) -> LabelledArticle:
    return label_article(classifier, read_text(TEXT, "a.txt"), Selection(), Wanted("zh", True, True))


def shown(view: View, article: LabelledArticle, width: int, color: bool = False) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        highlight=False,
        markup=False,
        color_system="truecolor",
    )
    print_articles(view, [article], console)
    return stream.getvalue()


@pytest.mark.parametrize("width", [24, 40, 71, 72, 80, 100, 160])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_width_shows_all_text(
    classifier: Classifier, article: LabelledArticle, width: int, lang: str
) -> None:
    text = shown(View(classifier.folder, lang), article, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    squeezed = "".join(text.split())
    for part in ("设了卡点", "[red]今天天气晴。[/red]", "<b>&"):
        assert part in squeezed or width >= 72
    assert ("无措施" if lang == "zh" else "nomeasure") in squeezed


def test_colour_only_on_a_terminal(classifier: Classifier, article: LabelledArticle) -> None:
    view = View(classifier.folder)
    assert "\x1b[" in shown(view, article, 100, color=True)
    assert "\x1b[" not in shown(view, article, 100)


def test_the_summary_counts_paragraphs(classifier: Classifier, article: LabelledArticle) -> None:
    view = View(classifier.folder)
    counts = {tag.id: count for tag, count in view.summary(article)}
    assert counts == {"checkpoint": 2, "closure": 1, "treatment": 1}
    assert view.counts(article) == "共4段，3段含措施，1段无措施"
    grouped = View(classifier.folder, group=True)
    assert {tag.id: count for tag, count in grouped.summary(article)} == {"movement": 3, "care": 1}


def test_long_paragraphs_are_marked(classifier: Classifier, article: LabelledArticle) -> None:
    windows = article.records[3].windows
    assert windows > 1
    assert f"分{windows}个窗口读取" in shown(View(classifier.folder), article, 120)


def test_only_paragraphs_with_measures(classifier: Classifier, article: LabelledArticle) -> None:
    view = View(classifier.folder, measures_only=True)
    assert [record.index for record in view.records(article)] == [0, 2, 3]
    assert "天气" not in render(view, "jsonl", [article], [])


class _Tags(HTMLParser):
    """Collects element names and text, and fails on an element that is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_whole_and_escapes(classifier: Classifier, article: LabelledArticle) -> None:
    page = render(View(classifier.folder, all_scores=True), "html", [article], [])
    parser = _Tags()
    parser.feed(page)
    assert parser.open == []
    assert "b" not in parser.names
    assert "script" not in parser.names
    assert "<b>&" in parser.text
    assert "http" not in page


def test_markdown_has_a_row_a_paragraph(classifier: Classifier, article: LabelledArticle) -> None:
    text = render(View(classifier.folder), "md", [article], [])
    rows = [line for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert len(rows) == 4
    assert "\\|村口有人值守" in rows[3]
    assert "\\<b\\>" in rows[1]
    for row in rows:
        assert row.replace("\\|", "").count("|") == 4
