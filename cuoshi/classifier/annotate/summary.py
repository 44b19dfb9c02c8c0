"""What a run did, in words: at its end, and for `cuoshi runs show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cuoshi.classifier.annotate.manifest import RunManifest
from cuoshi.classifier.annotate.progress import duration, per_second

SHOWN_ABSENT = 8  # labels without a paragraph that are named
STATES = {
    "running": "running now",
    "broken off": "broken off without a word (killed, or the power went); go on with --resume",
    "interrupted": "interrupted; go on with --resume",
    "failed": "failed; see the error, then go on with --resume",
    "done": "done",
}


def count_lines(counts: Mapping[str, Any], seconds: float) -> list[str]:
    """Paragraphs, measures, what the model had to do with them, and the rate."""
    paragraphs = counts["paragraphs"]
    lines = [
        f"{_number(paragraphs, 'paragraph')} of {_number(counts['inputs'], 'row')} or articles,"
        f" {_number(counts['rows'], 'output row')}",
        f"  no measure  {_share(counts['no_measure'], paragraphs)}",
        f"  windowed    {_share(counts['windowed'], paragraphs)}, longer than the model's window",
        f"  [UNK]       {_share(counts['unknown'], counts['tokens'])} of {counts['tokens']:,} tokens",
        f"  rejected    {counts['rejects']:,}",
    ]
    if counts["duplicates"]:
        places = ", ".join(counts["duplicate_places"])
        lines.append(f"  duplicate ids (kept)  {counts['duplicates']:,}, the first at {places}")
    if seconds > 0:
        rate, characters = per_second(paragraphs / seconds), per_second(counts["characters"] / seconds)
        lines.append(f"  time        {duration(seconds)}, {rate} paragraphs/s, {characters} characters/s")
    return lines


def label_lines(counts: Mapping[str, Any]) -> list[str]:
    """Labels with their paragraphs, the most frequent first; those without one on a line of their own."""
    found = sorted(counts["labels"].items(), key=lambda pair: -pair[1])
    width = max((len(label) for label, number in found if number), default=0)
    lines = [
        f"  {label:<{width}}  {_share(number, counts['paragraphs'])}" for label, number in found if number
    ]
    absent = [label for label, number in found if not number]
    if len(absent) > SHOWN_ABSENT:
        return [*lines, f"  none of the other {len(absent)} labels"]
    return [*lines, *([f"  none of: {', '.join(absent)}"] if absent else [])]


def run_lines(manifest: RunManifest, state: str) -> list[str]:
    """The whole of a manifest for a person; ``state`` is the state seen from outside."""
    options = {name: value for name, value in manifest.options.items() if value not in (None, False, [], "")}
    engine = {name: value for name, value in manifest.engine.items() if value is not None}
    size = sum(entry.bytes or 0 for entry in manifest.inputs)
    lines = [
        f"state       {STATES[state]}",
        *([f"error       {manifest.error}"] if manifest.error else []),
        f"started     {manifest.started}",
        *(f"resumed     {time}" for time in manifest.resumed),
        *([f"ended       {manifest.ended}"] if manifest.ended else []),
        f"model       {manifest.model.name} ({manifest.model.hash[:12]})",
        f"taxonomy    {manifest.taxonomy.name} ({manifest.taxonomy.hash[:12]})",
        f"cuoshi      {manifest.cuoshi} ({_pairs(manifest.versions)})",
        f"engine      {_engine(engine)}",
        f"options     {_pairs(options)}",
        f"inputs      {len(manifest.inputs):,}, {size:,} bytes",
    ]
    lines += [f"  {_input(entry.file, entry.bytes, entry.sha256)}" for entry in manifest.inputs[:10]]
    if len(manifest.inputs) > 10:
        lines.append(f"  and {len(manifest.inputs) - 10:,} more")
    lines += [f"output      {entry.file}, {entry.bytes:,} bytes" for entry in manifest.output[:10]]
    if len(manifest.output) > 10:
        lines.append(f"  and {len(manifest.output) - 10:,} more")
    lines += [f"notice      {notice}" for notice in manifest.notices]
    if manifest.counts is not None:
        lines += [*count_lines(manifest.counts, manifest.seconds), "labels", *label_lines(manifest.counts)]
    return lines


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _share(number: int, total: int) -> str:
    return f"{number:,} ({number / total:.1%})" if total else f"{number:,}"


def _engine(values: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in values.items() if name != "name"}
    return ", ".join(part for part in (str(values.get("name", "local")), _pairs(rest)) if part)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _input(file: str, size: int | None, digest: str | None) -> str:
    return f"{file}, {f'{size:,} bytes' if size is not None else 'size unknown'}, " + (
        f"SHA-256 {digest[:12]}" if digest else "not read to its end"
    )
