"""JSON lines: an object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.rows.lines import Line
from cuoshi.classifier.rows.row import MAX_RAW, BadRow, Row


def jsonl_rows(lines: Iterable[Line], name: str) -> Iterator[Row | BadRow]:
    """The rows of JSON lines; blank lines are left out. ``NaN`` and ``Infinity``, no JSON, are null.

    Raises:
        ReadingError: the file is one JSON array; also what ``lines`` raises.
    """
    first = True
    for line in lines:
        where = f"{name}:{line.number}"
        if line.fault is not None:
            yield BadRow(where, line.number, line.fault, line.text or None)
            continue
        text = line.text.strip()
        if not text:
            continue
        if first and text.startswith("["):
            raise ReadingError(f"{name}: a JSON array, not JSON lines; write one object a line (jq -c '.[]')")
        first = False
        values, reason = parse_object(text)
        if values is None:
            yield BadRow(where, line.number, reason, text if len(text) <= MAX_RAW else None)
        else:
            yield Row(values, where, line.number)


def parse_object(text: str) -> tuple[dict[str, Any] | None, str]:
    """The JSON object in ``text``, or None and what is wrong with it."""
    try:
        value = json.loads(text, parse_constant=_no_number)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        return None, f"not JSON ({error.msg} at column {error.colno})"
    except UnicodeEncodeError:
        return None, "half of a surrogate pair (\\ud800 to \\udfff) stands alone; no character is meant"
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, lists in lists in lists
        return None, f"not readable as JSON ({error})"
    if not isinstance(value, dict):
        return None, "not a JSON object; a row is {…} with its columns by name"
    return value, ""


def _no_number(_: str) -> None:
    return None
