"""What a person sees: tables for wide and narrow terminals, Markdown and HTML."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.cells import cell_len, chop_cells
from rich.console import Console

from cuoshi.classifier.predict import Classifier, Selection
from cuoshi.classifier.reading import read_text
from cuoshi.classifier.records import LabelledArticle, Wanted, label_article
from cuoshi.classifier.views import View, render
from cuoshi.classifier.views.terminal import MAX_WIDTH, TAG_WIDTH, TEXT_WIDTH, print_articles

TEXT = (
    "镇口设了卡点,过往车辆逐一检查。\n[red]今天天气晴。[/red] <b>&\n"
    "医院收治了三名病人。小区从今晚起封闭,只留一个门。\n"
    + "桥是去年修好的。" * 12
    + "|村口有人值守,劝返外来车。"
)

LABELS: list[list[str]] = [["checkpoint"], [], ["closure", "treatment"], ["checkpoint"]]


@pytest.fixture(scope="module")
def classifier(small_model: Path) -> Classifier:
    return Classifier.load(small_model)


@pytest.fixture(scope="module")
def article(classifier: Classifier) -> LabelledArticle:
    """Labelled by the model, but with the labels that a person would give."""
    found = label_article(
        classifier, read_text(TEXT, "a.txt"), Selection(threshold=0), Wanted("zh", True, True)
    )
    pairs = zip(found.records, LABELS, strict=True)
    return found.model_copy(update={"records": [r.model_copy(update={"labels": own}) for r, own in pairs]})


def shown(view: View, article: LabelledArticle, width: int, color: bool = False) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        highlight=False,
        markup=False,
        color_system="truecolor" if color else None,
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
    assert ("无措施" if lang == "zh" else "nomeasure") in "".join(text.split())
    squeezed = "".join(_first_column(text, lang, width).split())
    for record in article.records:
        assert "".join(record.text.split()) in squeezed
        for label in record.labels:
            assert record.evidence is not None
            assert record.evidence[label].text in squeezed


def _first_column(text: str, lang: str, width: int) -> str:
    """The text without the column of the labels, where there is one."""
    if width < TAG_WIDTH[lang] + TEXT_WIDTH:
        return text
    cut = min(width, MAX_WIDTH) - TAG_WIDTH[lang]
    lines = [line for line in text.splitlines() if "─" not in line]
    return "\n".join(chop_cells(line, cut)[0][3:] if line else "" for line in lines)


@pytest.mark.parametrize("width", [24, 40, 84, 100, 200])
def test_no_line_begins_with_a_closing_mark(
    classifier: Classifier, article: LabelledArticle, width: int
) -> None:
    text = "桥是去年修好的，" * 20 + "今天天气晴。"
    records = [article.records[0].model_copy(update={"text": text[at:]}) for at in range(8)]
    long = article.model_copy(update={"title": text, "records": records})
    lines = shown(View(classifier.folder), long, width).splitlines()
    assert max(map(cell_len, lines)) <= min(width, MAX_WIDTH)
    assert not [line for line in lines if line.strip().startswith(("，", "。"))]


def test_evidence_is_shown_with_its_score(classifier: Classifier, article: LabelledArticle) -> None:
    evidence = article.records[0].evidence
    assert evidence is not None
    score = f"{evidence['checkpoint'].score:.2f}"
    view = View(classifier.folder)
    assert f"镇口设了卡点,过往车辆逐一检查。 {score}" in shown(view, article, 120)
    assert f"镇口设了卡点,过往车辆逐一检查。</span> {score}" in render(view, "html", [article], [])
    assert f"过往车辆逐一检查。 {score}" in render(view, "md", [article], [])


def test_only_scores_that_say_something_are_shown(classifier: Classifier, article: LabelledArticle) -> None:
    scores = {"checkpoint": 0.2, "closure": 0.0099, "treatment": 0.9}
    record = article.records[1].model_copy(update={"scores": scores})
    view = View(classifier.folder, "en", all_scores=True)
    assert [tag.id for tag in view.score_tags(record)] == ["treatment", "checkpoint"]


def test_english_counts_one_and_many(classifier: Classifier, article: LabelledArticle) -> None:
    view = View(classifier.folder, "en")
    assert (view.paragraphs(1), view.paragraphs(2)) == ("1 paragraph", "2 paragraphs")
    assert view.counts(article) == "4 paragraphs: 3 with measures, 1 without"


def test_an_unknown_format_is_an_error(classifier: Classifier, article: LabelledArticle) -> None:
    with pytest.raises(ValueError, match="unknown format 'xml'"):
        render(View(classifier.folder), "xml", [article], [])


def test_json_says_by_what_it_was_made(classifier: Classifier, article: LabelledArticle) -> None:
    document = json.loads(render(View(classifier.folder), "json", [article], []))
    record = document["articles"][0]["records"][0]
    for name in ("schema_version", "model", "model_hash", "taxonomy", "taxonomy_hash"):
        assert document[name] == record[name]


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
        self.ids: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        self.ids += [value for name, value in attrs if name == "id"]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_whole_and_escapes(classifier: Classifier, article: LabelledArticle) -> None:
    page = render(View(classifier.folder, all_scores=True), "html", [article, article], [])
    parser = _Tags()
    parser.feed(page)
    assert parser.open == []
    assert "b" not in parser.names
    assert "script" not in parser.names
    assert "<b>&" in parser.text
    assert "http" not in page
    assert len(set(parser.ids)) == len(parser.ids) == 8


def test_markdown_has_a_row_a_paragraph(classifier: Classifier, article: LabelledArticle) -> None:
    text = render(View(classifier.folder), "md", [article], [])
    rows = [line for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert len(rows) == 4
    assert "\\|村口有人值守" in rows[3]
    assert "\\<b\\>\\&" in rows[1]
    assert f"分{article.records[3].windows}个窗口读取" in rows[3]
    for row in rows:
        assert row.replace("\\|", "").count("|") == 4
