"""Write ``model.int8.onnx`` anew over the stored weights of a model folder, and the manifest with it.

python -m cuoshi.training.regraph models/measures-zh
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuoshi.classifier.cli.guard import guarded
from cuoshi.classifier.modelfolder import ONNX, WEIGHTS, open_model, write_manifest
from cuoshi.training.onnx_graph import write_graph

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def regraph(folder: Path) -> None:
    """Replace the graph of a model folder by the one this version writes; the weights stay as they are.

    Raises:
        ModelError: the folder is missing, altered or incomplete.
    """
    model = open_model(folder)
    part = folder / f".{ONNX}.part"
    write_graph(folder / WEIGHTS, model.config, part)
    part.replace(folder / ONNX)
    write_manifest(folder)


@app.command()
def command(folder: Annotated[Path, typer.Argument(help="A model folder.")]) -> None:
    """Write the graph of a model folder anew over its stored weights."""
    regraph(folder)


if __name__ == "__main__":
    guarded(app)
