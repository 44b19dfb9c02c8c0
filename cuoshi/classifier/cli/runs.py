"""`cuoshi runs`: what runs of `cuoshi annotate` did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuoshi.classifier.cli.options import JsonOption
from cuoshi.classifier.cli.output import emit, emit_json

app = typer.Typer(help="Show what runs of `cuoshi annotate` did.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    pass


@app.command("show")
def show(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The --out of the run, or its run.json.")],
    as_json: JsonOption = False,
) -> None:
    """Show what a run did: state, inputs, model, options, counts, rate."""
    from cuoshi.classifier.annotate.report import report_run
    from cuoshi.classifier.annotate.summary import run_lines

    manifest, state = report_run(out)
    if as_json:
        emit_json({**manifest.model_dump(), "state": state})
    else:
        emit("\n".join(run_lines(manifest, state)) + "\n")
