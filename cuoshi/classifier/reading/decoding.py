"""Bytes to text: the encoding is found by strict decoding and the plausibility of what comes out."""

from __future__ import annotations

import codecs
import logging
import re
from dataclasses import dataclass

from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.reading.plausibility import score

logger = logging.getLogger(__name__)

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with theirs
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
# Labels as the WHATWG Encoding Standard maps them: pages say gb2312 and mean GBK.
_ALIASES = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
    "euc_cn": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
}
_PRIORS = {
    "utf-8": 20.0,
    "gb18030": 0.0,
    "big5hkscs": -1.0,
    "cp950": -2.0,
    "utf-16-le": -8.0,
    "utf-16-be": -9.0,
}
_DECLARED_PRIOR = 12.0
_SAMPLE = 65_536
_PROOF = 32
"""This many non-ASCII bytes that form valid UTF-8 are UTF-8: chance makes that impossible."""
_MIN_MEAN = -12.0
"""Mean weight of a character below which a text is not readable."""
_DAMAGE = 1_000
"""One broken byte in so many characters is put up with."""
_MARGIN = 12.0
_META = re.compile(
    rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9_\-]+)|<\?xml[^>]{0,100}encoding=["']([A-Za-z0-9_\-]+)""",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text without its byte order mark, and the codec that gave it."""

    text: str
    encoding: str


def decode(data: bytes, where: str, *, encoding: str | None = None, html: bool = False) -> Decoded:
    """Return the text in ``data``.

    ``encoding`` is what the user says and is held to; an HTML page's own declaration only weighs in.
    Raises ReadingError when nothing readable comes out, or when ``encoding`` is unknown or wrong.
    """
    bom = next(((mark, name) for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if encoding is not None:
        return _as_told(data, where, encoding, bom)
    if bom is not None:
        mark, name = bom
        return Decoded(_strict(data[len(mark) :], name, where), name)
    declared = _declared(data) if html else None
    ranking = rank(data, declared)
    for name in ranking:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        _notice(declared, name, where)
        return Decoded(_plausible(text, name, where), name)
    return _damaged(data, declared, ranking, where)


def rank(data: bytes, declared: str | None = None) -> list[str]:
    """Return the codecs worth trying, the most plausible first."""
    sample = data[:_SAMPLE]
    if _is_utf8(sample) and sum(byte >= 0x80 for byte in sample) >= _PROOF:
        return ["utf-8"]
    names = list(_PRIORS)
    if declared is not None and declared not in names:
        names.append(declared)
    scores = {}
    for name in names:
        if name.startswith("utf-16") and len(data) % 2:
            continue
        text = _sampled(sample, name, final=len(data) <= _SAMPLE)
        if text is not None:
            prior = _PRIORS.get(name, -4.0) + (_DECLARED_PRIOR if name == declared else 0.0)
            scores[name] = score(text) + prior
    return sorted(scores, key=lambda name: -scores[name])


def _is_utf8(sample: bytes) -> bool:
    return _sampled(sample, "utf-8", final=len(sample) < _SAMPLE) is not None


def _sampled(sample: bytes, name: str, *, final: bool) -> str | None:
    """Return the sample as text, None where the codec refuses it; a character cut at its end is no fault."""
    try:
        return codecs.getincrementaldecoder(name)("strict").decode(sample, final)
    except (UnicodeDecodeError, LookupError):
        return None


def _declared(data: bytes) -> str | None:
    """Return the codec that an HTML page or XML declaration names, None without a known one."""
    match = _META.search(data[:8192])
    if match is None:
        return None
    name = canonical((match[1] or match[2]).decode("ascii"))
    # Latin-1 decodes anything and is the default of careless servers: no evidence.
    return None if name in ("iso8859-1", "cp1252", "ascii") else name


def canonical(label: str) -> str | None:
    """Return the codec for an encoding label, None for an unknown one and for one that gives no text."""
    try:
        name = codecs.lookup(label.strip()).name
        "".encode(name)
    except (LookupError, ValueError):  # ValueError: the codec "undefined"
        return None
    name = name.removesuffix("-sig")
    return _ALIASES.get(name.replace("-", "_"), name)


def _notice(declared: str | None, found: str, where: str) -> None:
    family = {"cp950": "big5hkscs"}
    if declared is not None and family.get(found, found) != declared:
        logger.warning("%s declares %s but is %s; read as %s", where, declared, found, found)


def _as_told(data: bytes, where: str, encoding: str, bom: tuple[bytes, str] | None) -> Decoded:
    name = canonical(encoding)
    if name is None:
        raise ReadingError(f"{where}: unknown encoding '{encoding}'; use utf-8, gb18030, big5 or utf-16")
    body = data
    if bom is not None:
        if name not in (bom[1], bom[1].removesuffix("-le").removesuffix("-be")):
            raise ReadingError(f"{where}: has the mark of {bom[1]}, not {encoding}; leave --encoding out")
        name, body = bom[1], data[len(bom[0]) :]
    elif name in ("utf-16", "utf-32"):
        name = max((f"{name}-le", f"{name}-be"), key=lambda each: _told_score(body, each))
    text = _strict(body, name, where)
    best = rank(body)[:1]
    if best and best[0] != name and _told_score(body, best[0]) > score(text[:_SAMPLE]) + _MARGIN:
        raise ReadingError(f"{where}: unreadable as {encoding}, looks like {best[0]}; leave --encoding out")
    return Decoded(text, name)


def _told_score(data: bytes, name: str) -> float:
    text = _sampled(data[:_SAMPLE], name, final=len(data) <= _SAMPLE)
    return float("-inf") if text is None else score(text)


def _strict(data: bytes, name: str, where: str) -> str:
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ReadingError(
            f"{where}: byte {error.start} (line {line}) is not {name}; name the right one with --encoding"
        ) from None


def _plausible(text: str, name: str, where: str) -> str:
    if name == "utf-8" or not text or score(text[:_SAMPLE]) / min(len(text), _SAMPLE) >= _MIN_MEAN:
        return text
    raise _unreadable(where)


def _damaged(data: bytes, declared: str | None, ranking: list[str], where: str) -> Decoded:
    """Return a text with a few broken bytes, each as U+FFFD: pages cut in mid-character are common."""
    for name in dict.fromkeys([*([declared] if declared else []), *ranking, "utf-8", "gb18030", "big5hkscs"]):
        text = data.decode(name, "replace")
        broken = text.count("\ufffd")
        if broken <= len(text) / _DAMAGE and score(text[:_SAMPLE]) / min(len(text), _SAMPLE) >= _MIN_MEAN:
            logger.warning("%s: %d broken bytes in %s, shown as U+FFFD", where, broken, name)
            return Decoded(text, name)
    raise _unreadable(where)


def _unreadable(where: str) -> ReadingError:
    return ReadingError(f"{where}: not text in a known encoding (binary or damaged); name it with --encoding")
