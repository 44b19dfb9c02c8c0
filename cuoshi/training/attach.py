"""Join labels that are kept without their texts with the texts, where one has them.

``labels/real/labels.jsonl`` holds labels of real paragraphs that cannot be redistributed; a paragraph is
known by the SHA-256 of its text in UTF-8.

    python -m cuoshi.training.attach labels/real/labels.jsonl TEXTS.jsonl --out build/real
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cuoshi.classifier.cli.guard import guarded
from cuoshi.classifier.errors import DataError
from cuoshi.training.corpus import PASSES, SPLITS
from cuoshi.training.data import numbered_lines, parse_object, problem_list, text_rows
from cuoshi.training.parts import write_text

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def attach(labels: Path, texts: Path) -> dict[str, list[str]]:
    """JSONL rows of labelled paragraphs by split.

    Raises:
        DataError: lists rows that are malformed, and labels that have no text in ``texts``, with file and
            line; or a file cannot be read.
    """
    rows, problems = text_rows(texts)
    known = {_text_hash(row["text"]): row for row in rows}
    splits: dict[str, list[str]] = {}
    for where, line in numbered_lines(labels):
        entry, found = parse_object(line)
        if not found:
            found = _entry_problems(entry)
        if not found and entry["sha256"] not in known:
            found = [f"no text in {texts} has this SHA-256; give the texts it was made for"]
        problems += [f"{where}: {problem}" for problem in found]
        if not found:
            joined = {**known[entry["sha256"]], **{key: entry[key] for key in ("labels", *PASSES)}}
            splits.setdefault(entry["split"], []).append(json.dumps(joined, ensure_ascii=False))
    if problems:
        raise DataError(problem_list(problems))
    return splits


def _text_hash(text: str) -> str:
    # Half of a surrogate pair has no UTF-8; such a text has a hash that no label names.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _entry_problems(entry: dict[str, Any]) -> list[str]:
    problems = [
        f"key '{key}' is missing or no list"
        for key in ("labels", *PASSES)
        if not isinstance(entry.get(key), list)
    ]
    if not isinstance(entry.get("sha256"), str):
        problems.append("key 'sha256' is missing or no string")
    if entry.get("split") not in SPLITS:
        problems.append(f"split '{entry.get('split')}' is none of {', '.join(SPLITS)}")
    return problems


@app.command()
def main(
    labels: Annotated[Path, typer.Argument(help="JSONL of SHA-256, split and labels.")],
    texts: Annotated[Path, typer.Argument(help="JSONL of texts.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for a file a split.")],
) -> None:
    """Write one JSONL file a split."""
    splits = attach(labels, texts)
    out.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        file = out / f"{split}.jsonl"
        write_text(file, "\n".join(rows) + "\n")
        typer.echo(f"{file}: {len(rows)} paragraphs", err=True)


if __name__ == "__main__":
    guarded(app)
