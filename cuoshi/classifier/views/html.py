"""Labelled articles as one self-contained HTML page; all text is escaped, there are no scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from cuoshi.classifier.records import LabelledArticle, Record
from cuoshi.classifier.views import Tag, View

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.7 "Noto Sans SC", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; line-height: 1.35; margin: 2.5rem 0 .2rem; }
h2 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
.facts, footer { color: #777; font-size: .85rem; }
.summary { display: flex; flex-wrap: wrap; gap: .4rem; padding: 0; list-style: none; }
.paragraph { display: grid; grid-template-columns: 2.2rem 1fr 14rem; gap: 0 1rem; padding: .7rem 0;
  border-top: 1px solid var(--line); }
.number { color: #888; text-align: right; font-size: .85rem; }
.text, .tags { margin: 0; overflow-wrap: anywhere; }
.tags { display: flex; flex-wrap: wrap; gap: .3rem; align-content: start; list-style: none; padding: 0; }
.tag { border-left: .3rem solid var(--group, #888); background: var(--soft); border-radius: .25rem;
  padding: 0 .5rem; font-size: .85rem; line-height: 1.8; }
.tag small { color: #888; }
.none .text { color: #888; }
.note { grid-column: 2 / -1; font-size: .85rem; color: #777; margin: .2rem 0 0; }
@media (max-width: 40rem) { .paragraph { grid-template-columns: 1.6rem 1fr; }
  .tags, .note { grid-column: 2; } }
@media print { body { max-width: none; } }
"""


def html_text(view: View, articles: Sequence[LabelledArticle]) -> str:
    """The whole page."""
    language = "zh-CN" if view.lang == "zh" else "en"
    title = escape(articles[0].title or articles[0].file) if len(articles) == 1 else "cuoshi"
    body = "\n".join(_article(view, article, number) for number, article in enumerate(articles, 1))
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        f"<footer><p>{escape(view.made_by)}</p></footer>\n</body>\n</html>\n"
    )


def _article(view: View, article: LabelledArticle, number: int) -> str:
    facts = [part for part in (article.file, article.source, article.date) if part]
    summary = "".join(
        f'<li class="tag" style="--group:{_hex(tag)}">{escape(tag.name)} <small>{count}</small></li>'
        for tag, count in view.summary(article)
    )
    paragraphs = "\n".join(
        _paragraph(view, record, f"a{number}-{record.paragraph}") for record in view.records(article)
    )
    return (
        f'<article>\n<h1 lang="zh">{escape(article.title or article.file)}</h1>\n'
        f'<p class="facts">{escape(" · ".join(facts))}</p>\n'
        f"<h2>{escape(view.words['summary'])}</h2>\n"
        f'<p class="facts">{escape(view.counts(article))}</p>\n<ul class="summary">{summary}</ul>\n'
        f"{paragraphs}\n</article>"
    )


def _paragraph(view: View, record: Record, place: str) -> str:
    tags = view.tags(record)
    items = "".join(_tag(tag) for tag in tags) or f'<li class="facts">{escape(view.words["none"])}</li>'
    notes = [
        f'{escape(tag.name)}: <span lang="zh">{escape(tag.evidence.text)}</span> {tag.evidence.score:.2f}'
        for tag in tags
        if tag.evidence is not None
    ]
    notes += map(escape, view.notes(record))
    below = "".join(f'<p class="note">{note}</p>' for note in notes)
    kind = "paragraph" if tags else "paragraph none"
    return (
        f'<section class="{kind}" id="{escape(place)}">'
        f'<span class="number">{record.index + 1}</span>'
        f'<p class="text" lang="zh">{escape(record.text)}</p><ul class="tags">{items}</ul>{below}</section>'
    )


def _tag(tag: Tag) -> str:
    return (
        f'<li class="tag" style="--group:{_hex(tag)}">{escape(tag.name)} <small>{tag.score:.2f}</small></li>'
    )


def _hex(tag: Tag) -> str:
    """The group's terminal colour as a colour of CSS."""
    from rich.color import Color, ColorParseError

    try:
        color = Color.parse(tag.color)
    except ColorParseError:
        return "#888888"
    return "#888888" if color.is_default else color.get_truecolor().hex
