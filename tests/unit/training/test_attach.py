"""Labels kept without texts find their texts again, or say which are missing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from cuoshi.classifier.errors import DataError
from cuoshi.training.attach import attach


def _label(text: str, split: str, *labels: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return json.dumps({"sha256": digest, "split": split, "labels": labels, "pass_a": [], "pass_b": labels})


def test_attach(tmp_path: Path) -> None:
    texts, labels = tmp_path / "texts.jsonl", tmp_path / "labels.jsonl"
    rows = [{"id": "x1", "text": "小区封闭。"}, {"id": "x2", "text": "天晴。"}]
    texts.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    labels.write_text(
        _label("天晴。", "validation") + "\n" + _label("小区封闭。", "train", "lockdown"), "utf-8"
    )
    splits = {name: [json.loads(row) for row in rows] for name, rows in attach(labels, texts).items()}
    assert splits["train"][0]["id"] == "x1"
    assert splits["train"][0]["labels"] == ["lockdown"]
    assert splits["validation"][0]["labels"] == []
    labels.write_text(_label("天阴。", "train"), "utf-8")
    with pytest.raises(DataError, match=r"labels\.jsonl:1: no text"):
        attach(labels, texts)


def test_all_problems_at_once(tmp_path: Path) -> None:
    texts, labels = tmp_path / "texts.jsonl", tmp_path / "labels.jsonl"
    texts.write_text('{"text": "天晴。"}\n{"text": 3}\n', encoding="utf-8")
    rows = [_label("天阴。", "train"), _label("天晴。", "../train"), "{", "{}"]
    labels.write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        attach(labels, texts)
    message = str(caught.value)
    for part in (
        f"{texts}:2: key 'text' is missing",
        f"{labels}:1: no text in",
        f"{labels}:2: split '../train' is none of train, validation, test",
        f"{labels}:3: not JSON",
        f"{labels}:4: key 'labels' is missing",
        f"{labels}:4: key 'sha256' is missing",
    ):
        assert part in message
