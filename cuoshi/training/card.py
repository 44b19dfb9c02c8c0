"""The model card, ``README.md`` of a model folder, written from the folder's own files."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any

from cuoshi.classifier.modelfolder import Labels
from cuoshi.training.metrics import MIN_SUPPORT
from cuoshi.training.tables import Table, figure

NOTES = "card-notes.md"
_TITLES = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "exact_match": "exact match",
    "no_measure_f1": "“no measure” F1",
    "calibration_error": "calibration error",
}
_BROKEN_DOWN = ("micro_f1", "exact_match", "no_measure_f1")
_TEMPLATE = Template("""\
# $name $version

Labels paragraphs of Chinese text with the measures they report: $count labels of the taxonomy
`$taxonomy` $taxonomy_version (hash `$hash`). One score a label, each between 0 and 1; a paragraph may have
several labels or none. An encoder of $layers layers, $hidden wide, with a vocabulary of $vocabulary pieces,
mean pooling and a linear head.$origin Text beyond $tokens tokens is read by overlapping windows.

Files: `model.safetensors` (the weights, int8 with a scale a channel), `model.int8.onnx` (the graph
that the CPU runs, over the same weights), `tokenizer.json`, `labels.json` (order
of the labels), `thresholds.json`, `metrics.json`, `training.json` (how it was trained), `manifest.json`
(SHA-256 of every file).
$notes
## Figures

$figures

Macro-F1 is the mean over labels with at least $support positives. Brackets: 95 % bootstrap interval over
paragraphs. The int8 graph differs from the network as trained by at most $largest in a score
(mean $mean); $flips of the validation paragraphs get another label set from it.$later

## By label

$table
""")


def write_card(folder: Path) -> None:
    """Write ``README.md``; the text of ``card-notes.md``, when the folder has it, goes into its middle."""
    config = _json(folder / "config.json")
    labels = Labels.model_validate(_json(folder / "labels.json"))
    origin = _json(folder / "training.json").get("base_origin")
    metrics = _json(folder / "metrics.json")
    notes_file = folder / NOTES
    notes = "\n" + notes_file.read_text(encoding="utf-8").strip() + "\n" if notes_file.is_file() else ""
    text = _TEMPLATE.substitute(
        name=config["name"],
        version=config["version"],
        count=len(labels.ids),
        taxonomy=labels.taxonomy,
        taxonomy_version=labels.taxonomy_version,
        hash=labels.taxonomy_hash[:12],
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        vocabulary=f"{config['vocab_size']:,}",
        tokens=config["max_tokens"],
        origin=f" The encoder it learned from: {origin}." if origin else "",
        notes=notes,
        figures=_figures(metrics),
        support=next((m["min_support"] for m in metrics.values() if "min_support" in m), MIN_SUPPORT),
        largest=f"{metrics['int8']['largest']:.3f}",
        mean=f"{metrics['int8']['mean']:.4f}",
        flips=f"{metrics['int8']['flips']:.1%}",
        later=_later(metrics, _json(folder / "thresholds.json")),
        table=_labels(folder, metrics, labels),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _figures(metrics: dict[str, Any]) -> str:
    sets = {name: value for name, value in metrics.items() if "micro_f1" in value}
    rows = [("paragraphs", *(str(value["paragraphs"]) for value in sets.values()))]
    rows += [
        (title, *(_with_interval(value, key) for value in sets.values())) for key, title in _TITLES.items()
    ]
    tables = [Table("", ("", *sets), tuple(rows)).grid()]
    for name, value in sets.items():
        if value.get("baselines"):
            tables += [f"Baselines on `{name}`:", _baselines(value["baselines"]).grid()]
        for key in value:
            if key.startswith("by_"):
                lead = f"On `{name}` by {key.removeprefix('by_')}:"
                tables += [lead, _breakdown(value[key]).grid()]
    return "\n\n".join(tables)


def _later(metrics: dict[str, Any], thresholds: dict[str, Any]) -> str:
    """That the thresholds were chosen again after the figures were measured."""
    found = metrics.get("thresholds")
    if not found:
        return ""
    before, after = (figure(found[key]["micro_f1"]) for key in ("before", "after"))
    return (
        f"\n\n**The thresholds were chosen again after these figures were measured**, on"
        f" {found['paragraphs']:,} paragraphs ({thresholds['method']}):"
        f" micro-F1 there {after}, {before} before. Measure again with `cuoshi evaluate … --into-card NAME`."
    )


def _with_interval(figures: dict[str, Any], key: str) -> str:
    low_high = figures.get("intervals", {}).get(key)
    return figure(figures[key]) + (f" [{low_high[0]:.3f}–{low_high[1]:.3f}]" if low_high else "")


def _breakdown(parts: dict[str, Any]) -> Table:
    rows = tuple(
        (part, str(row["paragraphs"]), *(figure(row[key]) for key in _BROKEN_DOWN))
        for part, row in parts.items()
    )
    return Table("", ("", "paragraphs", *(_TITLES[key] for key in _BROKEN_DOWN)), rows)


def _labels(folder: Path, metrics: dict[str, Any], labels: Labels) -> str:
    """A row a label: threshold, and F1 with interval and support on every data set measured by label."""
    thresholds = _json(folder / "thresholds.json")["labels"]
    sets = {name: value["labels"] for name, value in metrics.items() if "labels" in value}
    header = ["label", "", "threshold", "positives"]
    for name in sets:
        header += [f"{name} F1", "support"]
    rows = []
    for label in labels.labels:
        limit = thresholds[label.id]
        cells = [f"`{label.id}`", label.name_in("zh"), f"{limit['threshold']:.3f}", str(limit["support"])]
        for figures in sets.values():
            row = figures[label.id]
            cells += [_f1(row) if row["support"] else figure(None), str(row["support"])]
        rows.append(tuple(cells))
    return Table("", tuple(header), tuple(rows), names=2).grid()


def _f1(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{row['f1']:.2f} [{low:.2f}–{high:.2f}]"


def _baselines(baselines: dict[str, Any]) -> Table:
    keys = ("micro_f1", "macro_f1", "exact_match", "no_measure_f1")
    rows = tuple((name, *(figure(row[key]) for key in keys)) for name, row in baselines.items())
    return Table("", ("", *(_TITLES[key] for key in keys)), rows)


def _json(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value
