"""Views of labelled articles: a table for people, and the formats of `cuoshi label --format`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cuoshi.classifier.modelfolder import ModelFolder
from cuoshi.classifier.records import (
    LabelledArticle,
    Record,
    csv_text,
    jsonl_text,
    record_dict,
)

WORDS = {
    "zh": {
        "paragraph": "段落",
        "measures": "措施",
        "none": "无措施",
        "summary": "全文措施",
        "paragraphs": "段",
        "highest": "最高分",
        "evidence": "依据",
        "of": "共{total}段，{some}段含措施，{none}段无措施",
        "windows": "长段，分{n}个窗口读取",
        "model": "模型",
        "taxonomy": "分类体系",
        "source": "来源",
        "date": "日期",
        "file": "文件",
        "scores": "全部得分",
        "failed": "未能处理",
    },
    "en": {
        "paragraph": "Paragraph",
        "measures": "Measures",
        "none": "no measure",
        "summary": "Measures of the article",
        "paragraphs": "paragraphs",
        "highest": "highest score",
        "evidence": "evidence",
        "of": "{total} paragraphs: {some} with measures, {none} without",
        "windows": "long paragraph, read in {n} windows",
        "model": "model",
        "taxonomy": "taxonomy",
        "source": "source",
        "date": "date",
        "file": "file",
        "scores": "all scores",
        "failed": "not done",
    },
}


@dataclass(frozen=True)
class Failure:
    """An input that could not be read or labelled."""

    file: str
    error: str


@dataclass(frozen=True)
class Tag:
    """A label, or a group when rolled up, as shown: id, name, colour of the group, score, evidence."""

    id: str
    name: str
    color: str
    score: float
    evidence: str | None = None


@dataclass(frozen=True)
class View:
    """How labelled articles are shown to a person."""

    folder: ModelFolder
    lang: str = "zh"
    group: bool = False
    measures_only: bool = False
    all_scores: bool = False

    @property
    def words(self) -> dict[str, str]:
        return WORDS[self.lang]

    def records(self, article: LabelledArticle) -> list[Record]:
        """The records that are shown."""
        return [r for r in article.records if r.labels or not self.measures_only]

    def tags(self, record: Record) -> list[Tag]:
        """The labels of a record, or its groups, each with the highest score among its labels."""
        tags = [self._tag(label, record.scores[label], record) for label in record.labels]
        return self._rolled(tags) if self.group else tags

    def score_tags(self, record: Record) -> list[Tag]:
        """All scores of a record, highest first."""
        tags = [self._tag(label, score, None) for label, score in record.scores.items()]
        return sorted(tags, key=lambda tag: -tag.score)

    def summary(self, article: LabelledArticle) -> list[tuple[Tag, int]]:
        """The article's labels or groups in the order of the taxonomy, with the number of paragraphs."""
        found: dict[str, tuple[Tag, int]] = {}
        for record in article.records:
            for tag in self.tags(record):
                best, count = found.get(tag.id, (tag, 0))
                found[tag.id] = (max(best, tag, key=lambda t: t.score), count + 1)
        infos = self.folder.labels.groups if self.group else self.folder.labels.labels
        return [found[info.id] for info in infos if info.id in found]

    def counts(self, article: LabelledArticle) -> str:
        """How many paragraphs there are, with and without measures, as a phrase."""
        some = sum(bool(record.labels) for record in article.records)
        total = len(article.records)
        return self.words["of"].format(total=total, some=some, none=total - some)

    def _tag(self, label: str, score: float, record: Record | None) -> Tag:
        info = next(info for info in self.folder.labels.labels if info.id == label)
        group = next(group for group in self.folder.labels.groups if group.id == info.group)
        span = record.evidence.get(label) if record is not None and record.evidence else None
        return Tag(label, info.label(self.lang), group.color or "default", score, span.text if span else None)

    def _rolled(self, tags: Sequence[Tag]) -> list[Tag]:
        by_label = {info.id: info.group for info in self.folder.labels.labels}
        rolled = []
        for group in self.folder.labels.groups:
            members = [tag for tag in tags if by_label[tag.id] == group.id]
            if members:
                best = max(members, key=lambda tag: tag.score)
                rolled.append(Tag(group.id, group.label(self.lang), best.color, best.score, best.evidence))
        return rolled


def render(
    view: View, output_format: str, articles: Sequence[LabelledArticle], failures: Sequence[Failure]
) -> str:
    """The articles in a format, as one string."""
    records = [record for article in articles for record in view.records(article)]
    if output_format == "jsonl":
        return jsonl_text(records)
    if output_format == "csv":
        return csv_text(records, view.folder.labels.ids if view.all_scores else ())
    if output_format == "json":
        return json_text(view, articles, failures)
    if output_format == "md":
        from cuoshi.classifier.views.markdown import markdown_text

        return markdown_text(view, articles)
    if output_format == "html":
        from cuoshi.classifier.views.html import html_text

        return html_text(view, articles)
    from cuoshi.classifier.views.terminal import table_text

    return table_text(view, articles)


def show_table(view: View, articles: Sequence[LabelledArticle]) -> None:
    """Print the articles as tables for the terminal at hand."""
    from cuoshi.classifier.views.terminal import print_articles

    print_articles(view, articles)


def json_text(view: View, articles: Sequence[LabelledArticle], failures: Sequence[Failure]) -> str:
    """One JSON document: the articles, each with its measures and records, and the inputs that failed."""
    documents: list[dict[str, Any]] = []
    for article in articles:
        document = article.model_dump(exclude={"records"})
        document["records"] = [record_dict(record) for record in view.records(article)]
        documents.append(document)
    failed = [{"file": failure.file, "error": failure.error} for failure in failures]
    return json.dumps({"articles": documents, "failed": failed}, ensure_ascii=False, indent=2) + "\n"
