"""Join labels that are kept without their texts with the texts, where one has them.

``labels/real/labels.jsonl`` holds labels of real paragraphs that cannot be redistributed; a paragraph is
known by the SHA-256 of its text in UTF-8.

    python -m cuoshi.training.attach labels/real/labels.jsonl TEXTS.jsonl --out build/real
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

import typer

from cuoshi.classifier.errors import DataError


def attach(labels: Path, texts: Path) -> dict[str, list[str]]:
    """JSONL rows of labelled paragraphs by split.

    Raises:
        DataError: a label has no text in ``texts``.
    """
    known = {}
    for line in texts.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        known[hashlib.sha256(row["text"].encode("utf-8")).hexdigest()] = row
    splits: dict[str, list[str]] = {}
    for number, line in enumerate(labels.read_text(encoding="utf-8").splitlines(), 1):
        entry = json.loads(line)
        row = known.get(entry["sha256"])
        if row is None:
            raise DataError(
                f"{labels}:{number}: no text in {texts} has this SHA-256; give the texts it was made for"
            )
        joined = {**row, "labels": entry["labels"], "pass_a": entry["pass_a"], "pass_b": entry["pass_b"]}
        splits.setdefault(entry["split"], []).append(json.dumps(joined, ensure_ascii=False))
    return splits


def main(
    labels: Annotated[Path, typer.Argument(help="JSONL of SHA-256, split and labels.")],
    texts: Annotated[Path, typer.Argument(help="JSONL of texts.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for a file a split.")],
) -> None:
    """Write one JSONL file a split."""
    splits = attach(labels, texts)
    out.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        (out / f"{split}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
        typer.echo(f"{out / f'{split}.jsonl'}: {len(rows)} paragraphs", err=True)


if __name__ == "__main__":
    typer.run(main)
