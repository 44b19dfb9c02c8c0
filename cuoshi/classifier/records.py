"""The one output schema: a record a paragraph, and the document that holds the records of one article."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cuoshi.classifier.predict import Classifier, Scored, Selection
from cuoshi.classifier.reading import Article, Paragraph

SCHEMA_VERSION = "1.0"
Cell = str | int | float
_CSV_FIRST = ("file", "title", "date", "source", "index", "text", "labels", "names", "groups")
_CSV_LAST = (
    *("paragraph", "start", "end", "windows", "tokens", "unknown"),
    *("model", "model_hash", "taxonomy", "taxonomy_hash", "schema_version"),
)
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class _Strict(BaseModel):
    # the names model and model_hash are ours: pydantic's warning about "model_" is for others
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class EvidenceSpan(_Strict):
    """The sentence behind a label; offsets count code points of the record's ``text``."""

    text: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    score: float = Field(ge=0, le=1)


class Record(_Strict):
    """What the model says of one paragraph. Lists of labels are in the order of the taxonomy."""

    schema_version: str = SCHEMA_VERSION
    file: str = Field(description="The file as given, '-' for standard input, 'text' for --text")
    title: str | None = Field(default=None, description="Title of the article, where one was found")
    source: str | None = Field(default=None, description="Who published the article, where it says so")
    date: str | None = Field(default=None, description="Date of the article, YYYY-MM-DD, where one was found")
    paragraph: str = Field(description="Id of the paragraph, stable while its text is")
    index: int = Field(ge=0, description="Position in the article, from 0")
    start: int = Field(ge=0, description="Offset of its first character in the decoded text, in code points")
    end: int = Field(ge=0, description="Offset behind its last character")
    text: str
    labels: list[str] = Field(description="Ids of the labels; empty means: no measure")
    names: list[str] = Field(description="Names of the labels in the chosen language, in the same order")
    groups: list[str] = Field(description="Ids of the groups of the labels")
    scores: dict[str, float] = Field(description="Score by label: of the labels, or of all on request")
    evidence: dict[str, EvidenceSpan] | None = Field(
        default=None, description="By label, the sentence that carries it; only on request"
    )
    windows: int = Field(ge=1, description="Above 1: longer than the model's window, read by windows")
    tokens: int = Field(ge=0, description="Tokens read, overlaps included")
    unknown: int = Field(ge=0, description="Tokens among them that are not in the vocabulary")
    model: str
    model_hash: str
    taxonomy: str
    taxonomy_hash: str


class Measure(_Strict):
    """How often a label stands in an article."""

    label: str
    name: str
    paragraphs: int = Field(ge=1)
    max_score: float = Field(ge=0, le=1)


class LabelledArticle(_Strict):
    """An article with its records and, in the order of the taxonomy, its measures."""

    file: str
    title: str | None
    source: str | None
    date: str | None
    encoding: str | None
    measures: list[Measure]
    records: list[Record]


@dataclass(frozen=True)
class Wanted:
    """What goes into records beside the labels: the language of names, all scores, evidence."""

    lang: str = "zh"
    all_scores: bool = False
    evidence: bool = False


def label_article(
    classifier: Classifier, article: Article, selection: Selection, wanted: Wanted
) -> LabelledArticle:
    """Label every paragraph of an article.

    Raises:
        DataError: a paragraph is too long to be one.
        UsageError: the selection names an unknown label.
    """
    classifier.check(selection)
    scored = classifier.score([paragraph.text for paragraph in article.paragraphs])
    pairs = zip(article.paragraphs, scored, strict=True)
    records = [_record(classifier, article, p, s, selection, wanted) for p, s in pairs]
    return LabelledArticle(
        file=article.file,
        title=article.title,
        source=article.source,
        date=article.date,
        encoding=article.encoding,
        measures=_measures(classifier, records, wanted.lang),
        records=records,
    )


def _record(
    classifier: Classifier,
    article: Article,
    paragraph: Paragraph,
    scored: Scored,
    selection: Selection,
    wanted: Wanted,
) -> Record:
    folder = classifier.folder
    labels = classifier.decide(scored.scores, selection)
    infos = [folder.labels.labels[classifier.labels.index(label)] for label in labels]
    shown = {
        label: _rounded(float(score))
        for label, score in zip(classifier.labels, scored.scores, strict=True)
        if wanted.all_scores or label in labels
    }
    evidence = None
    if wanted.evidence:
        evidence = {
            label: EvidenceSpan(text=e.text, start=e.start, end=e.end, score=_rounded(e.score))
            for label, e in classifier.evidence(paragraph.text, labels).items()
        }
    return Record(
        file=article.file,
        title=article.title,
        source=article.source,
        date=article.date,
        paragraph=paragraph.id,
        index=paragraph.index,
        start=paragraph.start,
        end=paragraph.end,
        text=paragraph.text,
        labels=list(labels),
        names=[info.name_in(wanted.lang) for info in infos],
        groups=list(dict.fromkeys(info.group for info in infos)),
        scores=shown,
        evidence=evidence,
        windows=scored.windows,
        tokens=scored.tokens,
        unknown=scored.unknown,
        model=folder.model,
        model_hash=folder.hash,
        taxonomy=folder.taxonomy,
        taxonomy_hash=folder.labels.taxonomy_hash,
    )


def _measures(classifier: Classifier, records: Sequence[Record], lang: str) -> list[Measure]:
    counts = Counter(label for record in records for label in record.labels)
    return [
        Measure(
            label=info.id,
            name=info.name_in(lang),
            paragraphs=counts[info.id],
            max_score=max(record.scores[info.id] for record in records if info.id in record.labels),
        )
        for info in classifier.folder.labels.labels
        if counts[info.id]
    ]


def _rounded(score: float) -> float:
    return round(score, 4)


def record_schema() -> dict[str, Any]:
    """The JSON Schema of a record."""
    return Record.model_json_schema()


def record_dict(record: Record) -> dict[str, Any]:
    """A record as plain values; ``evidence`` is left out when it was not asked for."""
    value = record.model_dump()
    if record.evidence is None:
        del value["evidence"]
    return value


def jsonl_text(records: Iterable[Record]) -> str:
    """One JSON object a line, in UTF-8 without escapes."""
    return "".join(json.dumps(record_dict(record), ensure_ascii=False) + "\n" for record in records)


def csv_text(records: Iterable[Record], score_labels: Sequence[str] = (), evidence: bool = False) -> str:
    """A table with a header; lists are joined by ``|``, ``score_labels`` get a column each.

    ``evidence`` is a column of compact JSON. A byte order mark tells spreadsheets that it is UTF-8, and a
    cell that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    scores = [f"score_{label}" for label in score_labels] or ["scores"]
    spans = ["evidence"] if evidence else []
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([*_CSV_FIRST, *scores, *spans, *_CSV_LAST])
    for record in records:
        cells = [_cell(getattr(record, name)) for name in _CSV_FIRST]
        if score_labels:
            cells += [record.scores.get(label, "") for label in score_labels]
        else:
            cells.append("|".join(f"{label}={score}" for label, score in record.scores.items()))
        if evidence:
            found = {label: span.model_dump() for label, span in (record.evidence or {}).items()}
            cells.append(json.dumps(found, ensure_ascii=False, separators=(",", ":")))
        cells += [_cell(getattr(record, name)) for name in _CSV_LAST]
        writer.writerow([safe_cell(cell) for cell in cells])
    return "\ufeff" + stream.getvalue()


def _cell(value: str | int | list[str] | None) -> Cell:
    if value is None:
        return ""
    return "|".join(value) if isinstance(value, list) else value


def safe_cell(cell: Cell) -> Cell:
    """Keep a spreadsheet from running a cell as a formula; ``-`` alone is standard input and harmless."""
    if isinstance(cell, str) and cell != "-" and cell.lstrip(" \u3000").startswith(_FORMULA_START):
        return "'" + cell
    return cell
