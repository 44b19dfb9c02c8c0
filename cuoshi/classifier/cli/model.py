"""`cuoshi model`: list, describe, verify and export model folders."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from cuoshi.classifier.cli.options import JsonOption, Lang, LangOption
from cuoshi.classifier.cli.output import emit, emit_json, notice

app = typer.Typer(help="List, describe, verify and export model folders.", no_args_is_help=True)

ModelArgument = Annotated[
    str | None,
    typer.Argument(metavar="[MODEL]", help="Folder of a model, or name of a shipped one; the default one."),
]


class Form(str, Enum):
    """Forms that a model can be exported to."""

    transformers = "transformers"
    onnx = "onnx"


@app.command("list")
def list_models(
    places: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FOLDER]...", help="Folders to look in; models/ by default."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the model folders in some places, and the shipped ones."""
    from cuoshi.classifier.modelinfo import model_folders, summary

    found = [summary(path) for path in model_folders(places or [Path("models")])]
    if as_json:
        emit_json(found)
        return
    rows: list[tuple[str, ...]] = []
    for row in found:
        if "error" in row:
            rows.append((row["path"], row["error"], "", "", ""))
        else:
            name, size = f"{row['name']} {row['version']}", _size(row["bytes"])
            rows.append((row["path"], name, row["taxonomy"], str(row["labels"]), size))
    _print_table(("folder", "model", "taxonomy", "labels", "size"), rows)


@app.command("info")
def info(model: ModelArgument = None, lang: LangOption = Lang.zh, as_json: JsonOption = False) -> None:
    """Describe a model: labels with thresholds, figures, origin, files."""
    from cuoshi.classifier.modelfolder import open_model
    from cuoshi.classifier.modelinfo import description

    folder = open_model(model)
    found = description(folder)
    if as_json:
        emit_json(found)
        return
    encoder = found["encoder"]
    emit(f"{found['name']} {found['version']}  ({found['path']}, {_size(found['bytes'])})\n")
    emit(f"hash      {found['hash']}\n")
    emit(f"taxonomy  {found['taxonomy']}, {found['labels']} labels (hash {found['taxonomy_hash'][:12]})\n")
    emit(
        f"encoder   {encoder['layers']} layers, {encoder['hidden']} wide, {encoder['vocabulary']:,} pieces, "
        f"windows of {encoder['max_tokens']} tokens\n"
    )
    if found["origin"]:
        emit(f"made from {found['origin']}\n")
    emit("\n")
    _print_table(("data", "paragraphs", *_TITLES.values()), _figures(found["metrics"]))
    emit("\n")
    names = {label.id: label.name_in(lang.value) for label in folder.labels.labels}
    _print_table(
        ("label", "name", "threshold", "positives"),
        [
            (label, names[label], f"{row['threshold']:.3f}", str(row["support"]))
            for label, row in found["label_thresholds"].items()
        ],
        words=2,
    )


_TITLES = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "exact_match": "exact match",
    "no_measure_f1": "no measure F1",
}


def _figures(metrics: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{row['paragraphs']:,}",
            *("–" if row[key] is None else f"{row[key]:.3f}" for key in _TITLES),
        )
        for name, row in metrics.items()
    ]


@app.command("verify")
def verify(model: ModelArgument = None, as_json: JsonOption = False) -> None:
    """Check every file of a model against its manifest, open it, and let it label a sentence.

    Exit codes: 0 sound; 3 not, and the message says what.
    """
    from cuoshi.classifier.modelinfo import description
    from cuoshi.classifier.predict import Classifier

    classifier = Classifier.load(model)
    classifier.score(["各村设卡，劝返外来车辆。"])
    found = description(classifier.folder)
    if as_json:
        keys = ("path", "name", "version", "hash", "files")
        emit_json({"sound": True, **{key: found[key] for key in keys}})
    else:
        emit(f"{found['path']}: sound, {len(found['files'])} files as in manifest.json ({found['hash']})\n")


@app.command("export")
def export(
    model: ModelArgument = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Folder to write.")
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            help="transformers: encoder, tokenizer and head in single precision; onnx: one graph in single "
            "precision that takes batches.",
        ),
    ] = Form.transformers,
) -> None:
    """Export a model in single precision, for use without cuoshi.

    Exit codes: 0 done; 2 wrong usage; 3 bad model.
    """
    from cuoshi.classifier.errors import UsageError
    from cuoshi.training.outside import export_model

    if out is None:
        raise UsageError("no --out; name the folder to write")
    difference = export_model(model, out, form.value)
    notice(
        f"{out}: written; scores differ from the model's own in single precision by at most {difference:.1e}"
    )


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _print_table(header: tuple[str, ...], rows: list[tuple[str, ...]], words: int = 1) -> None:
    from cuoshi.classifier.cli.tables import print_tables
    from cuoshi.training.tables import Table

    print_tables([Table("", header, tuple(rows), names=words)])
