"""What a training ends with, told in a few lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cuoshi.training.tables import figure

_FIGURES = (("micro_f1", "micro-F1"), ("macro_f1", "macro-F1"), ("no_measure_f1", "“no measure” F1"))


def result_lines(folder: Path) -> list[str]:
    """Lines that tell how good the model in a folder is, and how to use it."""
    metrics = _json(folder / "metrics.json")
    made_from = _json(folder / "training.json")
    best = made_from["effective"]["best"]
    lines = [f"best epoch {best['epoch']:.1f} (step {best['step']:,})"]
    for name in ("validation", "test"):
        if name in metrics:
            shown = ", ".join(f"{title} {figure(metrics[name][key])}" for key, title in _FIGURES)
            lines.append(f"{name}: {metrics[name]['paragraphs']:,} paragraphs, {shown}")
    calibration, drift = metrics["calibration"], metrics["int8"]
    lines.append(
        f"calibration error {calibration['before']:.4f}, then {calibration['after']:.4f} "
        f"(logits times {calibration['scale']:.2f}, plus {calibration['shift']:.2f})"
    )
    lines.append(
        f"int8: largest difference of a score {drift['largest']:.3f}, "
        f"{drift['changed']:,} of {drift['compared']:,} decisions change ({drift['decisions']:.2%})"
    )
    if drift["decisions"] > made_from["max_flips"]:
        lines.append(
            f"warning: int8: that is above {made_from['max_flips']:.1%}, but may be chance in so few decisions "
            f"(the share may be as low as {drift['at_least']:.2%}); validate on more paragraphs to be sure"
        )
    return [*lines, f"{folder}: written; try it: cuoshi label --model {folder} ARTICLE"]


def _json(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value
