"""Finds and words everything that is wrong with a taxonomy file, over its plain data, valid or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cuoshi.classifier.taxonomy_file import Location, Problem, YamlFile

MAX_LISTED = 20
_LANGS = {"zh", "en"}
# Where label ids are referred to: path patterns with * for any index, ending in a label id or a list of them.
_REFERENCES = (
    ("labels", "*", "excludes", "*", "label"),
    ("labels", "*", "positive", "*", "labels", "*"),
    ("labels", "*", "boundary", "*", "labels", "*"),
    ("boundaries", "*", "labels", "*"),
    ("boundaries", "*", "not", "*"),
)
_WORDING = {
    "missing": "is missing",
    "extra_forbidden": "unknown key",
    "string_too_short": "is empty",
    "string_type": "must be text; put it in quotes",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
}


def schema_problems(file: YamlFile, error: ValidationError) -> list[Problem]:
    """The problems that pydantic found: keys, types, empty texts, patterns of ids."""
    problems = []
    for fault in error.errors(include_url=False):
        location = tuple(fault["loc"])
        message = _WORDING.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        if fault["type"] == "string_pattern_mismatch":
            message = f"{fault['input']!r} must be lower-case letters, digits and _, a letter first"
        problems.append(Problem(location, file.line_of(location), message))
    return problems


def content_problems(file: YamlFile) -> list[Problem]:
    """The problems between the parts: ids that stand twice or nowhere, languages that are missing."""
    faults = [*_duplicates(file.data), *_dangling(file.data), *_missing_languages(file.data)]
    return [Problem(location, file.line_of(location), message) for location, message in faults]


def report(path: Path, data: Any, problems: list[Problem]) -> str:
    """One message for all problems, in the order of the file; at most twenty are listed."""
    ordered = sorted(
        set(problems), key=lambda problem: (problem.line, str(problem.location), problem.message)
    )
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    lines = [f"{path}: {count}"]
    lines += [f"  {_where(problem, data)}{problem.message}" for problem in ordered[:MAX_LISTED]]
    if len(ordered) > MAX_LISTED:
        lines.append(f"  … and {len(ordered) - MAX_LISTED} more")
    return "\n".join(lines)


def _where(problem: Problem, data: Any) -> str:
    """`line 12, label testing, name.en: ` as far as it is known."""
    parts = [f"line {problem.line}"] if problem.line else []
    location = problem.location
    if location[:1] == ("labels",) and len(location) > 1:
        entry = _at(data, location[:2])
        known = entry.get("id") if isinstance(entry, dict) else None
        parts.append(f"label {known}" if isinstance(known, str) else f"label no. {int(location[1]) + 1}")
        location = location[2:]
    key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    parts += [key] if key else []
    return f"{', '.join(parts)}: " if parts else ""


def _duplicates(data: Any) -> Iterator[tuple[Location, str]]:
    for kind in ("groups", "labels"):
        seen: set[str] = set()
        for location, value in _find(data, (kind, "*", "id")):
            if value in seen:
                yield location, f"{value} stands twice"
            seen.add(value)


def _dangling(data: Any) -> Iterator[tuple[Location, str]]:
    groups = {value for _, value in _find(data, ("groups", "*", "id"))}
    labels = {value for _, value in _find(data, ("labels", "*", "id"))}
    for location, value in _find(data, ("labels", "*", "group")):
        if value not in groups:
            yield location, f"unknown group {value!r}"
    for pattern in _REFERENCES:
        for location, value in _find(data, pattern):
            if value not in labels:
                yield location, f"unknown label {value!r}"


def _missing_languages(data: Any) -> Iterator[tuple[Location, str]]:
    """A text lacks a language that any name of a label is given in."""
    used = {lang for lang in _LANGS if any(_find(data, ("labels", "*", "name", lang)))}
    for location, value in _mappings(data, ()):
        if value and set(value) <= _LANGS:
            for lang in sorted(used - set(value)):
                yield (
                    location,
                    f"{lang} is missing; names of labels are given in {' and '.join(sorted(used))}",
                )


def _mappings(value: Any, location: Location) -> Iterator[tuple[Location, dict[str, Any]]]:
    if isinstance(value, dict):
        yield location, value
        for key, item in value.items():
            yield from _mappings(item, (*location, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _mappings(item, (*location, index))


def _find(value: Any, pattern: tuple[str, ...], location: Location = ()) -> Iterator[tuple[Location, str]]:
    """The texts whose location matches `pattern`; what is not there or no text is passed over."""
    if not pattern:
        if isinstance(value, str):
            yield location, value
    elif pattern[0] == "*":
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from _find(item, pattern[1:], (*location, index))
    elif isinstance(value, dict) and pattern[0] in value:
        yield from _find(value[pattern[0]], pattern[1:], (*location, pattern[0]))


def _at(value: Any, location: Location) -> Any:
    for part in location:
        value = value[part]
    return value
