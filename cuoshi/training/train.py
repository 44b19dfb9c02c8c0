"""Fine-tune an encoder on labelled paragraphs, from data to a complete model folder.

python -m cuoshi.training.train cuoshi/training/configs/measures-zh.yaml --out build/measures-zh
"""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from cuoshi.classifier.cli.guard import guarded
from cuoshi.classifier.errors import DataError
from cuoshi.classifier.modelfolder import MANIFEST, file_hash
from cuoshi.classifier.taxonomy import load_taxonomy
from cuoshi.training.base import base_origin, find_base
from cuoshi.training.card import NOTES
from cuoshi.training.config import TrainConfig, read_config
from cuoshi.training.parts import check_replaceable, fresh_part, put_in_place

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def train(config: TrainConfig, out: Path) -> None:
    """Learn, export, tune thresholds on validation, and write the model folder ``out``.

    A model folder of that name is replaced when the new one is complete; its ``card-notes.md`` is kept.

    Raises:
        DataError: the data are malformed or too few.
        ModelError: the base cannot be used, the loss is not a number, or int8 changes too many decisions.
        UsageError: ``out`` is something else than a model folder, or there is no such base.
    """
    from cuoshi.training.export import write_model_folder
    from cuoshi.training.fitting import fit

    check_replaceable(out, "model folder", is_model)
    taxonomy = load_taxonomy(config.taxonomy)
    base = find_base(config.base, config.revision)
    made_from = provenance(config, base)
    part = fresh_part(out)
    fitted = fit(config, taxonomy, base, out.with_name(out.name + ".work"))
    if (out / NOTES).is_file():
        shutil.copyfile(out / NOTES, part / NOTES)
    write_model_folder(config, taxonomy, fitted, made_from, part)
    put_in_place(part, out)


def is_model(folder: Path) -> bool:
    """Whether a folder is a model folder."""
    return (folder / MANIFEST).is_file()


def provenance(config: TrainConfig, base: Path) -> dict[str, Any]:
    """What, beside the configuration, a model is made from: ``training.json``.

    The base with its SHA-256 by file, the SHA-256 of every data file, and versions of the libraries.

    Raises:
        DataError: a data file cannot be read.
    """
    try:
        data = {str(path): file_hash(path) for path in (*config.train, *config.validation)}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}); give a JSONL file") from None
    return {
        **config.model_dump(mode="json"),
        "base_origin": base_origin(base, config.base, config.revision),
        "base_sha256": {path.name: file_hash(path) for path in sorted(base.glob("*.safetensors"))},
        "data_sha256": data,
        "versions": {name: version(name) for name in ("torch", "transformers")},
    }


@app.command()
def main(
    config: Annotated[Path, typer.Argument(help="YAML file of a training run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Model folder to write.")],
) -> None:
    """Train a model and write its folder."""
    chosen = read_config(config)
    typer.echo(json.dumps(chosen.model_dump(mode="json"), ensure_ascii=False), err=True)
    train(chosen, out)


if __name__ == "__main__":
    guarded(app)
