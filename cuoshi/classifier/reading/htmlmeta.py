"""Title, source and date of an HTML page, from its head and headings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cuoshi.classifier.reading.lines import clean
from cuoshi.classifier.reading.metadata import Metadata, iso_date, without_site

_TITLES = ("articletitle", "og:title", "twitter:title")
_SOURCES = ("contentsource", "source", "mediaid", "og:article:source", "publisher")
_DATES = (
    *("pubdate", "publishdate", "publish_date", "publish-date", "publishtime", "article:published_time"),
    *("og:release_date", "og:published_time", "datepublished", "weibo:article:create_at", "date"),
)
_JSON_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{8,40})"')
_JSON_TITLE = re.compile(r'"headline"\s*:\s*"([^"\\]{4,200})"')


def metadata(root: Any) -> Metadata:
    """Return what the page itself declares; fields it leaves out are None."""
    declared = _declared(root)
    scripts = " ".join(
        script.text or "" for script in root.iter("script") if "ld+json" in (script.get("type") or "")
    )
    dates = [declared[name] for name in _DATES if name in declared]
    dates += _JSON_DATE.findall(scripts)
    dates += [time.get("datetime") or "" for time in root.iter("time")][:1]
    date = next((found for value in dates if (found := iso_date(value))), None)
    source = next((declared[name] for name in _SOURCES if name in declared), None)
    return Metadata(_title(root, declared, scripts), source, date)


def author(root: Any) -> str | None:
    """Return the declared author: the account on WeChat, elsewhere a last resort for the source."""
    return _declared(root).get("author")


def _declared(root: Any) -> Mapping[str, str]:
    """Return the first content of each ``<meta>``, by name in lower case."""
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = (meta.get("name") or meta.get("property") or meta.get("itemprop") or "").lower()
        content = clean(meta.get("content") or "")
        if name and content:
            found.setdefault(name, content)
    return found


def _title(root: Any, declared: Mapping[str, str], scripts: str) -> str | None:
    """Return the article's title: a heading that the page's title repeats, else the declared one."""
    page = next((clean(" ".join(title.itertext())) for title in root.iter("title")), "")
    named = [declared[name] for name in _TITLES if name in declared]
    for heading in root.iter("h1", "h2"):
        text = clean(" ".join(heading.itertext()))
        if 4 <= len(text) <= 120 and any(other.startswith(text) for other in (*named, page)):
            return text
    named += _JSON_TITLE.findall(scripts)
    headings = [] if page else [clean(" ".join(heading.itertext())) for heading in root.iter("h1")]
    return without_site(next((text for text in (*named, page, *headings) if text), "")) or None
