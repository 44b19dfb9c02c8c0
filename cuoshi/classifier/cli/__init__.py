"""The command line: one file a command, each a thin wrapper over a plain function."""

from __future__ import annotations

from typing import Annotated

import typer

from cuoshi import __version__
from cuoshi.classifier.cli import (
    annotate,
    compare,
    corpus,
    evaluate,
    label,
    model,
    runs,
    taxonomy,
    thresholds,
    train,
)
from cuoshi.classifier.cli.guard import guarded
from cuoshi.classifier.cli.output import emit

app = typer.Typer(
    name="cuoshi",
    help="Label the paragraphs of Chinese articles with the epidemic-control measures they report.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("label")(label.label)
app.command("annotate")(annotate.annotate)
app.add_typer(runs.app, name="runs")
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("train")(train.train)
app.command("thresholds")(thresholds.thresholds)
app.add_typer(model.app, name="model")
app.add_typer(taxonomy.app, name="taxonomy")
app.add_typer(corpus.app, name="corpus")


def _version(value: bool) -> None:
    if value:
        emit(f"cuoshi {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; a user's mistake ends in one line and an exit code, never in a traceback."""
    guarded(app)
