"""Title, source and date, where a text says them in lines of its own."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cuoshi.classifier.reading.lines import is_numbered, is_sentence

HEAD = 15
"""Lines from the top among which title and source line are looked for."""
_LONGEST = 120
_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})\s?[-/.年]\s?(\d{1,2})\s?[-/.月]\s?(\d{1,2})(?!\d)日?")
_COMPACT_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})(\d{2})(\d{2})(?!\d)")
_LABEL = (
    r"(?:(?:文章|信息|稿件|新闻|内容)?[来來]源|稿源|出[处處]|(?:[发發][布佈表稿]|更新|成文|刊[发發])?(?:[时時][间間]|日期)"
    r"|作者|[记記]者|(?:[责責]任)?[编編][辑輯]|(?:[发發]布|供稿)(?:[机機][构構]|[单單]位|人|者)|供稿|[审審]核"
    r"|[点點][击擊](?:[数數]|量|率|次[数數])?|[浏瀏][览覽](?:量|次[数數]|[数數])?|[阅閱][读讀](?:量|次[数數]|[数數])?|字[号號體体]|人[气氣])"
)
_FIELD = re.compile(rf"[【\[(（]?\s*{_LABEL}\s*[:：]")
_ANY_FIELD = re.compile(rf"{_LABEL}\s*[:：]")
_SOURCE = re.compile(
    r"(?:[来來]源|稿源|出[处處])\s*[:：]\s*(?!https?:)([^\s|｜()（）\[\]【】:：<>]{2,30}?)"
    rf"(?=\s*{_LABEL}\s*[:：]|[\s|｜()（）\[\]【】<>]|$)"
)
_STAMP = re.compile(rf"{_DATE.pattern}(?:\s*(?:星期.)?\s*\d{{1,2}}[:：时]\d{{2}}(?:[:：分]\d{{0,2}}秒?)?)?")
_CLOCK = re.compile(rf"{_DATE.pattern}\s*(?:星期.)?\s*\d{{1,2}}[:：]\d{{2}}(?!\s*[—~～至-])")
"""Date and time of day: how a page stamps an article."""
_SITE_SUFFIX = re.compile(r"\s*[-_|｜—–]+\s*[^-_|｜—–]{2,40}$")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of an article; ``title_line`` and ``meta_lines`` are indexes into its lines.

    ``certain`` tells that the title is set off by a source line, so that it is no paragraph of the body.
    """

    title: str | None = None
    source: str | None = None
    date: str | None = None
    title_line: int | None = None
    meta_lines: tuple[int, ...] = ()
    certain: bool = False


def iso_date(text: str) -> str | None:
    """Return the first valid date in ``text`` as YYYY-MM-DD, None without one."""
    for pattern in (_DATE, _COMPACT_DATE):
        for match in pattern.finditer(text[:500]):
            try:
                return datetime.date(*(int(part) for part in match.groups())).isoformat()
            except ValueError:
                continue
    return None


def source_in(text: str) -> str | None:
    """Return what a field such as ``来源：…`` names, None without one."""
    match = _SOURCE.search(text[:500])
    if match is None or iso_date(match[1]):
        return None
    return match[1].strip("，,。;；") or None


def is_meta_line(text: str) -> bool:
    """Return whether a line is made of fields such as time, source and author."""
    if len(text) > _LONGEST or re.search("[。！？]", text):
        return False
    if len(text) <= 40 and _CLOCK.search(text) and not re.search("[，,；;]", text):
        return True
    stamp = _STAMP.match(text)
    if stamp is not None:
        rest = text[stamp.end() :].strip()
        # a bare date is how notices are signed, a date that runs on is a sentence
        return (
            bool(rest or ":" in stamp[0])
            and len(rest) <= 60
            and not re.search("[，,；]", rest)
            and (
                rest == ""
                or text[stamp.end()].isspace()
                or _ANY_FIELD.search(rest) is not None
                or rest[0] in "|｜"
            )
        )
    if _FIELD.match(text) is None:
        return False
    return iso_date(text) is not None or source_in(text) is not None or len(_ANY_FIELD.findall(text)) > 1


def find(lines: Sequence[str], furniture: Sequence[bool]) -> Metadata:
    """Return what the lines of a text say about it.

    ``furniture`` marks lines (bread crumbs, navigation) that are no title.
    """
    head = _head(lines)
    metas = [index for index in range(head) if is_meta_line(lines[index])]
    tail = _tail_metas(lines, head)
    fields = [lines[index] for index in (*metas, *tail)]
    source = next((found for line in fields if (found := source_in(line))), None) or _closing_source(lines)
    date = next((found for line in fields if (found := iso_date(line))), None) or _signature_date(lines)
    title = _title_above(lines, furniture, metas[0]) if metas else _first_line_title(lines, furniture)
    return Metadata(
        lines[title] if title is not None else None, source, date, title, (*metas, *tail), bool(metas)
    )


def _head(lines: Sequence[str]) -> int:
    """Return how many lines come before the first paragraph of the body (at most HEAD)."""
    for index, line in enumerate(lines[:HEAD]):
        if len(line) > 30 and is_sentence(line) and not is_meta_line(line):
            return index
    return min(len(lines), HEAD)


def _tail_metas(lines: Sequence[str], head: int) -> list[int]:
    """Return the source lines that close a text, right after its last paragraph."""
    sentences = [
        index for index in range(head, len(lines)) if len(lines[index]) > 30 and is_sentence(lines[index])
    ]
    last = sentences[-1] if sentences else len(lines)
    return [index for index in range(last + 1, len(lines)) if is_meta_line(lines[index])]


def _title_above(lines: Sequence[str], furniture: Sequence[bool], meta: int) -> int | None:
    for index in range(meta - 1, -1, -1):
        line = lines[index]
        if not furniture[index] and 4 <= len(line) <= 80 and not line.startswith(("—", "-")):
            return index
    return None


def _first_line_title(lines: Sequence[str], furniture: Sequence[bool]) -> int | None:
    """Return the first line where it reads as a headline over a text with sentences."""
    first = next((index for index, dropped in enumerate(furniture) if not dropped), None)
    if first is None or first > HEAD:
        return None
    line = lines[first]
    headline = (
        5 <= len(line) <= 60
        and not is_sentence(line)
        and line[-1] not in "：:，,、"
        and not is_numbered(line)
    )
    below = any(len(other) > len(line) and is_sentence(other) for other in lines[first + 1 : first + 20])
    return first if headline and below else None


def _closing_source(lines: Sequence[str]) -> str | None:
    for line in reversed(lines[-8:]):
        match = re.search(r"[（(]\s*((?:[来來]源|稿源)\s*[:：][^）)]{2,30})[）)]\s*$", line[-60:])
        if match:
            return source_in(match[1])
    return None


def _signature_date(lines: Sequence[str]) -> str | None:
    """Return the date a notice is signed with: a line that is a date and nothing else, near the end."""
    for line in reversed(lines[-8:]):
        if len(line) <= 20 and _DATE.fullmatch(line.replace(" ", "")):
            return iso_date(line)
    return None


def without_site(title: str) -> str:
    """Return a page's title without the site's name and section after ``_``, ``-`` or ``|``."""
    cleaned = title.strip()
    while (shorter := _SITE_SUFFIX.sub("", cleaned)) != cleaned and len(shorter) >= 6:
        cleaned = shorter
    return cleaned
