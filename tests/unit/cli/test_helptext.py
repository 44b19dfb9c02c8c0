"""The pages of --help: natural placeholders for every option of every command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from cuoshi.classifier.cli import command


def _commands(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in getattr(found, "commands", {}).items():
        yield from _commands(inner, (*path, name))


def _page(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    for name, value in {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        command()([*path, "--help"])  # type: ignore[call-arg]
    return capsys.readouterr().out


def test_no_page_shows_types_of_python(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = list(_commands(command()))
    assert len(paths) > 10
    for path in paths:
        page = _page(path, monkeypatch, capsys)
        assert "Usage:" in page
        assert not re.search(r"<\w+(\[.*\])?>|range>|\[\[", page), (path, page)


def test_placeholders(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    page = _page(("train",), monkeypatch, capsys)
    for name, shown in (
        ("--epochs", "FLOAT"),
        ("--batch-size", "INT"),
        ("--text-column", "TEXT"),
        ("--validation", "FILE"),
        ("--loss", "bce|focal|asymmetric"),
        ("--threads", r"INT \[x>=1\]"),
        ("--wide", "A column of 0 and 1"),
        ("--help", "-h +Show this"),
    ):
        assert re.search(rf"{name} +{shown.replace('|', '[|]')} ", page), name
    assert "Ctrl-C keeps a checkpoint" in " ".join(page.split())
    assert not re.search(r"^ *a *$", page, flags=re.MULTILINE)
