"""Labelled articles as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cuoshi.classifier.records import LabelledArticle
from cuoshi.classifier.views import View

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def markdown_text(view: View, articles: Sequence[LabelledArticle]) -> str:
    """A section an article: its summary, then a table of its paragraphs."""
    return "\n".join(_section(view, article) for article in articles)


def _section(view: View, article: LabelledArticle) -> str:
    words = view.words
    lines = [f"## {_escape(article.title or article.file)}", ""]
    facts = [
        (words["file"], article.file),
        (words["source"], article.source),
        (words["date"], article.date),
        (words["model"], view.folder.model),
    ]
    lines += [" · ".join(f"{name}: {_escape(value)}" for name, value in facts if value), ""]
    lines += [f"**{words['summary']}** ({view.counts(article)})", ""]
    for tag, count in view.summary(article):
        lines.append(f"- {_escape(tag.name)} `{tag.id}`: {view.paragraphs(count)}, {tag.score:.2f}")
    lines += ["", f"| # | {words['paragraph']} | {words['measures']} |", "|--:|---|---|"]
    for record in view.records(article):
        tags = [f"{_escape(tag.name)} {tag.score:.2f}" for tag in view.tags(record)]
        text = _escape(record.text)
        for tag in view.tags(record):
            if tag.evidence is not None:
                said = f"{_escape(tag.evidence.text)} {tag.evidence.score:.2f}"
                text += f"<br>{words['evidence']} ({_escape(tag.name)}): {said}"
        text += "".join(f"<br>{_escape(note)}" for note in view.notes(record))
        lines.append(f"| {record.index + 1} | {text} | {'<br>'.join(tags) or words['none']} |")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", text.replace("\n", " "))
