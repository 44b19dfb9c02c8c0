"""Views of labelled articles: a table for people, and the formats of `cuoshi label --format`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cuoshi.classifier.modelfolder import ModelFolder
from cuoshi.classifier.records import (
    SCHEMA_VERSION,
    EvidenceSpan,
    LabelledArticle,
    Record,
    csv_text,
    jsonl_text,
    record_dict,
)

LOWEST_SHOWN = 0.01
"""Scores below are not shown to people; records carry them."""

WORDS = {
    "zh": {
        "paragraph": "段落",
        "measures": "措施",
        "none": "无措施",
        "summary": "全文措施",
        "one": "1段",
        "many": "{n}段",
        "highest": "最高分",
        "evidence": "依据",
        "of": "共{total}，{some}段含措施，{none}段无措施",
        "windows": "长段，分{n}个窗口读取",
        "model": "模型",
        "taxonomy": "分类体系",
        "source": "来源",
        "date": "日期",
        "file": "文件",
        "scores": "全部得分",
    },
    "en": {
        "paragraph": "Paragraph",
        "measures": "Measures",
        "none": "no measure",
        "summary": "Measures of the article",
        "one": "1 paragraph",
        "many": "{n} paragraphs",
        "highest": "highest score",
        "evidence": "evidence",
        "of": "{total}: {some} with measures, {none} without",
        "windows": "long paragraph, read in {n} windows",
        "model": "model",
        "taxonomy": "taxonomy",
        "source": "source",
        "date": "date",
        "file": "file",
        "scores": "all scores",
    },
}


@dataclass(frozen=True)
class Failure:
    """An input that could not be read or labelled; ``hint`` says what to install where that is all."""

    file: str
    error: str
    hint: str | None = None


@dataclass(frozen=True)
class Tag:
    """A label, or a group when rolled up, as shown: id, name, colour of the group, score, evidence."""

    id: str
    name: str
    color: str
    score: float
    evidence: EvidenceSpan | None = None


@dataclass(frozen=True)
class View:
    """How labelled articles are shown; ``evidence`` says that it was asked for."""

    folder: ModelFolder
    lang: str = "zh"
    group: bool = False
    measures_only: bool = False
    all_scores: bool = False
    evidence: bool = False

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
        """The scores of a record that are worth showing, highest first."""
        shown = {label: score for label, score in record.scores.items() if score >= LOWEST_SHOWN}
        tags = [self._tag(label, score, None) for label, score in shown.items()]
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
        return self.words["of"].format(total=self.paragraphs(total), some=some, none=total - some)

    def paragraphs(self, number: int) -> str:
        """So many paragraphs, as a phrase."""
        return self.words["one"] if number == 1 else self.words["many"].format(n=number)

    def notes(self, record: Record) -> list[str]:
        """What is said below a paragraph of its reading and, on request, of all its scores."""
        notes = []
        if record.windows > 1:
            notes.append(self.words["windows"].format(n=record.windows))
        if self.all_scores:
            scores = " · ".join(f"{tag.name} {tag.score:.2f}" for tag in self.score_tags(record))
            notes.append(f"{self.words['scores']}: {scores}")
        return notes

    @property
    def made_by(self) -> str:
        """The model and the taxonomy, with the beginnings of their hashes."""
        folder, words = self.folder, self.words
        return (
            f"{words['model']} {folder.model} ({folder.hash[:12]}) · "
            f"{words['taxonomy']} {folder.taxonomy} ({folder.labels.taxonomy_hash[:12]})"
        )

    def _tag(self, label: str, score: float, record: Record | None) -> Tag:
        info = next(info for info in self.folder.labels.labels if info.id == label)
        group = next(group for group in self.folder.labels.groups if group.id == info.group)
        span = record.evidence.get(label) if record is not None and record.evidence else None
        return Tag(label, info.name_in(self.lang), group.color or "default", score, span)

    def _rolled(self, tags: Sequence[Tag]) -> list[Tag]:
        by_label = {info.id: info.group for info in self.folder.labels.labels}
        rolled = []
        for group in self.folder.labels.groups:
            members = [tag for tag in tags if by_label[tag.id] == group.id]
            if members:
                best = max(members, key=lambda tag: tag.score)
                rolled.append(Tag(group.id, group.name_in(self.lang), best.color, best.score, best.evidence))
        return rolled


def render(
    view: View, output_format: str, articles: Sequence[LabelledArticle], failures: Sequence[Failure]
) -> str:
    """The articles in a format, as one string; the table is that of :func:`terminal.table_text`."""
    records = [record for article in articles for record in view.records(article)]
    if output_format == "jsonl":
        return jsonl_text(records)
    if output_format == "csv":
        return csv_text(records, view.folder.labels.ids if view.all_scores else (), view.evidence)
    if output_format == "json":
        return json_text(view, articles, failures)
    if output_format == "md":
        from cuoshi.classifier.views.markdown import markdown_text

        return markdown_text(view, articles)
    if output_format == "html":
        from cuoshi.classifier.views.html import html_text

        return html_text(view, articles)
    if output_format == "table":
        from cuoshi.classifier.views.terminal import table_text

        return table_text(view, articles)
    raise ValueError(f"unknown format '{output_format}'")


def json_text(view: View, articles: Sequence[LabelledArticle], failures: Sequence[Failure]) -> str:
    """One JSON document: the articles, each with its measures and records, and the inputs that failed."""
    documents: list[dict[str, Any]] = []
    for article in articles:
        document = article.model_dump(exclude={"records"})
        document["records"] = [record_dict(record) for record in view.records(article)]
        documents.append(document)
    failed = [{"file": failure.file, "error": failure.error} for failure in failures]
    whole = {
        "schema_version": SCHEMA_VERSION,
        "model": view.folder.model,
        "model_hash": view.folder.hash,
        "taxonomy": view.folder.taxonomy,
        "taxonomy_hash": view.folder.labels.taxonomy_hash,
        "articles": documents,
        "failed": failed,
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
