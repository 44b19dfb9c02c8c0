"""Writes a taxonomy as a codebook page in Markdown, in Chinese or English."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cuoshi.classifier.crosswalk import SCHEME_TITLES, SCHEMES, CrosswalkRow, mark
from cuoshi.classifier.taxonomy import Group, Label, Lang, Taxonomy

PAGES: dict[Lang, str] = {"en": "codebook.md", "zh": "codebook.zh.md"}
WORDS: dict[Lang, dict[str, str]] = {
    "en": {
        "generated": "Generated from taxonomy.yaml by `cuoshi taxonomy page --lang en`; edit the YAML.",
        "other": "[中文版](codebook.zh.md)",
        "facts": "Taxonomy `{name}`, version {version}, hash `{hash}`: {labels} labels in {groups} groups.",
        "contents": "Contents",
        "question": "Unit and question",
        "unit": "Unit",
        "ask": "Question",
        "rules": "General rules",
        "boundaries": "Boundaries",
        "crosswalk": "Crosswalk",
        "includes": "Includes",
        "excludes": "Not",
        "examples": "Examples",
        "near": "Near the border",
        "none": "no label",
        "group": "Group",
        "labels": "Labels",
        "label": "Label",
        "says": "The text says",
        "gets": "Labels",
        "not": "Not",
        "relation": "`≈` marks a counterpart that fits in part; — means that the scheme has none.",
        "codes": "Names of the codes, {scheme}",
        "colon": ": ",
        "comma": ", ",
        "semicolon": "; ",
        "stop": ".",
    },
    "zh": {
        "generated": "由 `cuoshi taxonomy page --lang zh` 根据 taxonomy.yaml 生成，请改该文件。",
        "other": "[English](codebook.md)",
        "facts": "标签体系 `{name}`，版本 {version}，哈希 `{hash}`：{groups}组{labels}个标签。",
        "contents": "目录",
        "question": "单位与问题",
        "unit": "单位",
        "ask": "问题",
        "rules": "通则",
        "boundaries": "界线",
        "crosswalk": "与其他分类的对照",
        "includes": "包括",
        "excludes": "不包括",
        "examples": "示例",
        "near": "界线示例",
        "none": "无标签",
        "group": "组",
        "labels": "标签",
        "label": "标签",
        "says": "文中所说",
        "gets": "标签",
        "not": "不标",
        "relation": "`≈` 表示只有部分对应，— 表示该分类中没有对应项。",
        "codes": "代码名称，{scheme}",
        "colon": "：",
        "comma": "、",
        "semicolon": "；",
        "stop": "。",
    },
}


def render_page(taxonomy: Taxonomy, crosswalk: Sequence[CrosswalkRow], lang: Lang) -> str:
    """The page in `lang`, ending in a newline. Parts that the taxonomy does not have are left out."""
    words = WORDS[lang]
    parts = [*_head(taxonomy, bool(crosswalk), lang, words), *_question(taxonomy, lang, words)]
    if taxonomy.rules:
        rules = [
            f"{number}. **{_plain(rule.title.get(lang))}**{words['colon']}{_plain(rule.text.get(lang))}"
            for number, rule in enumerate(taxonomy.rules, start=1)
        ]
        parts += [_heading(2, "rules", words["rules"]), "\n".join(rules)]
    for group in taxonomy.groups:
        parts.append(_heading(2, f"group-{group.id}", _both(group, lang)))
        for label in taxonomy.labels_of(group.id):
            parts += _label(label, lang, words)
    if taxonomy.boundaries:
        parts += [_heading(2, "boundaries", words["boundaries"]), _boundaries(taxonomy, lang, words)]
    if crosswalk:
        parts += [_heading(2, "crosswalk", words["crosswalk"]), *_crosswalk(taxonomy, crosswalk, words)]
    return "\n\n".join(parts) + "\n"


def _head(taxonomy: Taxonomy, crosswalk: bool, lang: Lang, words: dict[str, str]) -> list[str]:
    title = taxonomy.title.get(lang) if taxonomy.title else taxonomy.name
    facts = words["facts"].format(
        name=taxonomy.name,
        version=taxonomy.version,
        hash=taxonomy.short_hash,
        labels=len(taxonomy.labels),
        groups=len(taxonomy.groups),
    )
    parts = [f"# {_plain(title)}", f"<!-- {words['generated']} -->"]
    if len(taxonomy.languages) > 1:
        parts.append(words["other"])
    if taxonomy.description:
        parts.append(_plain(taxonomy.description.get(lang)))
    parts += [facts, f"## {words['contents']}"]
    sections = [("question", "question")] if taxonomy.unit or taxonomy.question else []
    sections += [("rules", "rules")] if taxonomy.rules else []
    sections += [("boundaries", "boundaries")] if taxonomy.boundaries else []
    sections += [("crosswalk", "crosswalk")] if crosswalk else []
    if sections:
        parts.append(" · ".join(f"[{words[word]}](#{anchor})" for anchor, word in sections))
    rows = [
        (
            f"[{_plain(group.name.get(lang))}](#group-{group.id})",
            words["comma"].join(_link(label, lang) for label in taxonomy.labels_of(group.id)),
        )
        for group in taxonomy.groups
    ]
    return [*parts, _table((words["group"], words["labels"]), rows)]


def _question(taxonomy: Taxonomy, lang: Lang, words: dict[str, str]) -> list[str]:
    texts = (("unit", taxonomy.unit), ("ask", taxonomy.question))
    lines = [f"**{words[word]}**{words['colon']}{_plain(text.get(lang))}" for word, text in texts if text]
    return [_heading(2, "question", words["question"]), *lines] if lines else []


def _label(label: Label, lang: Lang, words: dict[str, str]) -> list[str]:
    parts = [_heading(3, label.id, f"`{label.id}` · {_both(label, lang)}")]
    if label.definition:
        parts.append(_plain(label.definition.get(lang)))
    excludes = [
        _plain(item.text.get(lang)) + (f" → {_ids([item.label], words)}" if item.label else "")
        for item in label.excludes
    ]
    examples = [f"{_plain(example.text)} → {_ids(example.labels, words)}" for example in label.positive]
    near = [
        f"{_plain(example.text)} → {_ids(example.labels, words)}\\\n  {_plain(example.why.get(lang))}"
        for example in label.boundary
    ]
    includes = [_plain(text) for text in label.includes.get(lang)]
    listed = (("includes", includes), ("excludes", excludes), ("examples", examples), ("near", near))
    for word, items in listed:
        if items:
            parts += [f"**{words[word]}**", "\n".join(f"- {item}" for item in items)]
    return parts


def _boundaries(taxonomy: Taxonomy, lang: Lang, words: dict[str, str]) -> str:
    rows = []
    for row in taxonomy.boundaries:
        note = _plain(row.note.get(lang)) if row.note else ""
        labels = _ids(row.labels, words) if row.labels or not note else ""
        gets = words["semicolon"].join(part for part in (labels, note) if part)
        rows.append((_plain(row.situation.get(lang)), gets, _ids(row.not_, words) if row.not_ else ""))
    return _table((words["says"], words["gets"], words["not"]), rows)


def _crosswalk(taxonomy: Taxonomy, crosswalk: Sequence[CrosswalkRow], words: dict[str, str]) -> list[str]:
    rows = []
    for label_id in taxonomy.ids:
        cells = [
            "; ".join(mark(row) for row in crosswalk if (row.label, row.scheme) == (label_id, scheme))
            for scheme in SCHEMES
        ]
        rows.append((f"[`{label_id}`](#{label_id})", *cells))
    table = _table((words["label"], *(SCHEME_TITLES[scheme] for scheme in SCHEMES)), rows)
    parts = [words["relation"], table]
    for scheme in SCHEMES:
        names = {row.code: row.name for row in crosswalk if row.scheme == scheme and row.name}
        if names:
            listed = "; ".join(f"{code} {names[code]}" for code in sorted(names))
            title = words["codes"].format(scheme=SCHEME_TITLES[scheme])
            parts.append(f"{title}{words['colon']}{_plain(listed)}{words['stop']}")
    return parts


def _heading(level: int, anchor: str, text: str) -> str:
    return f'<a id="{anchor}"></a>\n\n{"#" * level} {text}'


def _both(item: Group | Label, lang: Lang) -> str:
    """The name in `lang`, followed by the name in the other language where there is one."""
    names = [item.name.get(lang), item.name.get("en" if lang == "zh" else "zh")]
    return " · ".join(_plain(name) for name in dict.fromkeys(names))


def _link(label: Label, lang: Lang) -> str:
    return f"[{_plain(label.name.get(lang))}](#{label.id})"


def _ids(labels: Iterable[str], words: dict[str, str]) -> str:
    return words["comma"].join(f"[`{label}`](#{label})" for label in labels) or words["none"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown would take for a tag."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
