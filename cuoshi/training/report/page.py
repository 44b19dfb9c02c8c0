"""An evaluation as one self-contained HTML page: it loads nothing, and every text in it is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from cuoshi import __version__
from cuoshi.classifier.taxonomy import Lang
from cuoshi.training.evaluate import Evaluation
from cuoshi.training.mistakes import Mistake
from cuoshi.training.report import plots, summary
from cuoshi.training.report.words import WORDS
from cuoshi.training.tables import Table

SHOWN_ERRORS = 40
_TILES = ("micro_f1", "macro_f1", "exact_match", "no_measure_f1")
# Nothing may be loaded, whatever a text holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page_text(done: Evaluation, errors: Sequence[Mistake], lang: Lang) -> str:
    """The whole page."""
    words, figures = WORDS[lang], done.figures
    title = f"{words['title']} · {figures['model']}"
    notes = "".join(f"<p class=note>{escape(line)}</p>" for line in summary.notes(figures, lang))
    confusions = plots.confusion_plot(done, lang)
    parts = [
        _head(done, title, lang),
        _section(words["overall"], table_html(summary.systems_table(figures, lang)) + notes),
        _section(
            words["by_label"],
            _plot(plots.f1_plot(done, lang), words["f1_caption"])
            + table_html(summary.labels_table(figures, done.taxonomy, lang)),
        ),
        _section(words["pr_plot"], _plot(plots.precision_recall_plot(done, lang), words["pr_caption"])),
        _section(
            words["reliability_plot"],
            _plot(
                plots.reliability_plot(figures["calibration"], lang), words["reliability_caption"], "small"
            ),
        ),
        _section(
            words["confusion_plot"],
            _plot(confusions, words["confusion_caption"])
            + table_html(summary.pairs_table(figures, done.taxonomy, lang))
            if confusions
            else f"<p>{escape(words['all_right'])}</p>",
        ),
        _section(words["by_group"], table_html(summary.groups_table(figures, done.taxonomy, lang))),
        *(_section(table.title, table_html(table)) for table in summary.column_tables(figures, lang)),
        _section(words["errors"], _errors(done, errors, lang)),
        f"<footer>{escape(words['made_by'].format(version=__version__))}</footer>",
    ]
    return _document(title, "\n".join(part for part in parts if part), lang)


def table_html(table: Table) -> str:
    """A table that scrolls by itself where the window is narrow, and is sorted by a click on its header."""
    head = "".join(
        f"<th{_kind(number, table)}><button type=button>{escape(name)}</button></th>"
        for number, name in enumerate(table.header)
    )
    body = "\n".join(
        "<tr>" + "".join(f"<td{_kind(n, table)}>{escape(text)}</td>" for n, text in enumerate(row)) + "</tr>"
        for row in table.rows
    )
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"


def _kind(number: int, table: Table) -> str:
    return "" if number < table.names else " class=number"


def _document(title: str, body: str, lang: Lang) -> str:
    here = files("cuoshi.training.report")
    style = here.joinpath("page.css").read_text(encoding="utf-8")
    script = here.joinpath("page.js").read_text(encoding="utf-8")
    language = "zh-CN" if lang == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n"
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _head(done: Evaluation, title: str, lang: Lang) -> str:
    words, figures = WORDS[lang], done.figures
    data = ", ".join(entry["file"] for entry in figures["data"])
    facts = [
        f"{words['data']}: {data}",
        f"{words['paragraphs']}: {figures['paragraphs']:,}",
        f"{words['taxonomy']}: {figures['taxonomy']}",
    ]
    tiles = "".join(_tile(words[key], figures, key) for key in _TILES)
    return (
        f"<header><h1>{escape(title)}</h1>\n<p class=facts>{escape(' · '.join(facts))}</p>\n"
        f"<ul class=tiles>{tiles}</ul></header>"
    )


def _tile(name: str, figures: dict[str, Any], key: str) -> str:
    shown = summary.cell(figures, key, with_interval=True)
    value, _, rest = shown.partition(" ")
    return f"<li><span>{escape(name)}</span><b>{escape(value)}</b><small>{escape(rest)}</small></li>"


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>" if content else ""


def _plot(svg: str | None, caption: str, size: str = "") -> str:
    if svg is None:
        return ""
    below = f"<figcaption>{escape(caption)}</figcaption>"
    return f'<figure class="{size}"><div class=scroll>{svg}</div>{below}</figure>'


def _errors(done: Evaluation, errors: Sequence[Mistake], lang: Lang) -> str:
    words = WORDS[lang]
    if not errors:
        return f"<p>{escape(words['all_right'])}</p>"
    shown = errors[:SHOWN_ERRORS]
    note = words["errors_note"].format(count=len(errors), shown=len(shown))
    items = "\n".join(_error(done, error, lang) for error in shown)
    return f"<p class=note>{escape(note)}</p>\n<ol class=errors>\n{items}\n</ol>"


def _error(done: Evaluation, error: Mistake, lang: Lang) -> str:
    words = WORDS[lang]

    def tags(labels: Sequence[str], faulty: Sequence[str], kind: str) -> str:
        if not labels:
            return f"<span class=tag>{escape(words['none'])}</span>"
        return "".join(tag(label, f"tag {kind}" if label in faulty else "tag") for label in labels)

    def tag(label: str, kind: str) -> str:
        name, score = escape(done.taxonomy.label(label).name.get(lang)), error.scores[label]
        return f'<span class="{kind}">{name} <small>{score:.2f}</small></span>'

    place = " · ".join(dict.fromkeys([error.example.id, f"{words['loss']} {error.loss:.2f}"]))
    return (
        f"<li><p lang=zh>{escape(error.example.text)}</p><dl>"
        f"<dt>{escape(words['gold'])}</dt><dd>{tags(error.gold, error.missed, 'missed')}</dd>"
        f"<dt>{escape(words['predicted'])}</dt><dd>{tags(error.predicted, error.wrong, 'wrong')}</dd>"
        f"</dl><p class=facts>{escape(place)}</p></li>"
    )
