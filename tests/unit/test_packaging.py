"""What a wheel carries beside the code."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_wheel_carries_the_shipped_model_and_no_other() -> None:
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    # Folders, not files: whatever lies in them is carried, such as models that somebody trained in models/.
    assert carried == {
        "labels": "cuoshi/_data/labels",
        "models/measures-zh": "cuoshi/_data/models/measures-zh",
    }
    assert all((ROOT / source).is_dir() for source in carried)
