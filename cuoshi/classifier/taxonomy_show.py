"""What the terminal shows of a taxonomy: the list of labels, one label, the crosswalk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cuoshi.classifier.crosswalk import SCHEME_TITLES, CrosswalkRow, mark
from cuoshi.classifier.taxonomy import Label, Lang, Taxonomy
from cuoshi.classifier.taxonomy_page import WORDS
from cuoshi.classifier.wrapping import wrap

DEFINITIONS_FROM = 40  # columns that must be left beside the names to show the definitions in a list
_KEYWORDS = {"zh": "关键词", "en": "Keywords"}


Segment = tuple[str, str]  # a text and its style in rich's words


@dataclass(frozen=True)
class Line:
    """A text that is broken to the terminal's width, after a start that its further lines are indented by."""

    text: str
    start: str = ""
    style: str = ""
    start_style: str = ""


def overview(taxonomy: Taxonomy) -> dict[str, Any]:
    """Name, version, hash, groups and labels (id, group, name, definition) as plain data for JSON."""
    return {
        "name": taxonomy.name,
        "version": taxonomy.version,
        "hash": taxonomy.hash,
        "groups": [group.model_dump(exclude_none=True, exclude={"color"}) for group in taxonomy.groups],
        "labels": [
            label.model_dump(exclude_none=True, include={"id", "group", "name", "definition"})
            for label in taxonomy.labels
        ],
    }


def label_data(taxonomy: Taxonomy, label_id: str, crosswalk: Sequence[CrosswalkRow]) -> dict[str, Any]:
    """Everything about one label as plain data for JSON. Raises TaxonomyError when there is no such label."""
    data = taxonomy.label(label_id).model_dump(mode="json", exclude_none=True)
    data["index"] = taxonomy.ids.index(label_id)
    data["crosswalk"] = [row.model_dump(exclude={"label"}) for row in crosswalk if row.label == label_id]
    return data


def summary(taxonomy: Taxonomy) -> str:
    """One line: name, version, counts and hash."""
    examples = sum(len(label.positive) + len(label.boundary) for label in taxonomy.labels)
    counts = (
        f"labels {len(taxonomy.labels)}, groups {len(taxonomy.groups)}, rules {len(taxonomy.rules)}, "
        f"boundaries {len(taxonomy.boundaries)}, examples {examples}"
    )
    return f"{taxonomy.name} {taxonomy.version}: {counts}; hash {taxonomy.hash}"


def list_rows(taxonomy: Taxonomy, lang: Lang) -> list[tuple[str, str, str]]:
    """Label id, name and group of every label, in index order."""
    return [
        (label.id, label.name.get(lang), taxonomy.group_of(label.id).name.get(lang))
        for label in taxonomy.labels
    ]


def list_lines(taxonomy: Taxonomy, lang: Lang, width: int) -> list[Line]:
    """The labels by group; with their definitions where the terminal, `width` columns wide, has room."""
    id_width = max(map(_cells, taxonomy.ids))
    name_width = max(_cells(label.name.get(lang)) for label in taxonomy.labels)
    detailed = width - id_width - name_width - 6 >= DEFINITIONS_FROM
    lines = []
    for group in taxonomy.groups:
        lines.append(Line(group.name.get(lang), style=f"bold {group.color}"))
        for label in taxonomy.labels_of(group.id):
            start, name = f"  {_pad(label.id, id_width)}  ", label.name.get(lang)
            if detailed and label.definition:
                start += f"{_pad(name, name_width)}  "
                lines.append(Line(label.definition.get(lang), start, style="dim"))
            else:
                lines.append(Line(name, start))
        lines.append(Line(""))
    return lines[:-1]


def describe(taxonomy: Taxonomy, label_id: str, lang: Lang, crosswalk: Sequence[CrosswalkRow]) -> list[Line]:
    """The description of one label, line by line. Raises TaxonomyError when there is no such label."""
    label, group, words = taxonomy.label(label_id), taxonomy.group_of(label_id), WORDS[lang]
    names = " · ".join(dict.fromkeys(label.name.get(each) for each in (lang, *taxonomy.languages)))
    lines = [Line(f"{label.id} · {names}", style=f"bold {group.color}")]
    lines.append(Line(f"{words['group']}{words['colon']}{group.name.get(lang)}", style="dim"))
    if label.definition:
        lines += [Line(""), Line(label.definition.get(lang))]
    excludes = [item.text.get(lang) + (f" → {item.label}" if item.label else "") for item in label.excludes]
    lines += _section(words["includes"], label.includes.get(lang))
    lines += _section(words["excludes"], excludes)
    lines += _section(_KEYWORDS[lang], [words["comma"].join(label.terms)] if label.terms else [])
    lines += _examples(label, lang)
    counterparts = scheme_lines([row for row in crosswalk if row.label == label_id])
    return [
        *lines,
        *([Line(""), Line(words["crosswalk"], style="bold")] if counterparts else []),
        *counterparts,
    ]


def crosswalk_lines(rows: Sequence[CrosswalkRow]) -> list[Line]:
    """The counterparts of every label in `rows`, under its id."""
    lines = []
    for label_id in dict.fromkeys(row.label for row in rows):
        lines += [Line(label_id, style="bold")]
        lines += scheme_lines([row for row in rows if row.label == label_id])
        lines += [Line("")]
    return lines[:-1]


def scheme_lines(rows: Sequence[CrosswalkRow]) -> list[Line]:
    """One line for each row of a label, the scheme named on its first."""
    lines = []
    previous = ""
    for row in rows:
        title = SCHEME_TITLES[row.scheme]
        start = f"  {_pad(title if title != previous else '', 9)}  "
        lines.append(Line(f"{mark(row)} {row.name}".strip(), start, start_style="dim"))
        previous = title
    return lines


def _section(title: str, items: Sequence[str]) -> list[Line]:
    if not items:
        return []
    return [Line(""), Line(title, style="bold"), *(Line(item, "  - ") for item in items)]


def _examples(label: Label, lang: Lang) -> list[Line]:
    words = WORDS[lang]
    lines = []
    for word, examples in (("examples", label.positive), ("near", label.boundary)):
        if examples:
            lines += [Line(""), Line(words[word], style="bold")]
        for example in examples:
            lines.append(Line(example.text, "  - "))
            lines.append(Line(", ".join(example.labels) or words["none"], "    → ", style="bold"))
            why = getattr(example, "why", None)
            if why:
                lines.append(Line(why.get(lang), "    ", style="dim"))
    return lines


def layout(lines: Sequence[Line], width: int | None) -> list[tuple[Segment, Segment]]:
    """The lines to print, each a start and a text; broken to `width` columns, or whole where it is None."""
    printed = []
    for line in lines:
        pieces = [line.text] if width is None else wrap(line.text, width - _cells(line.start)) or [""]
        start = line.start
        for piece in pieces:
            printed.append(((start, line.start_style), (piece, line.style)))
            start = " " * _cells(line.start)
    return printed


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _cells(text))


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
