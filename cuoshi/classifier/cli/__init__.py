"""The command line: one file a command, each a thin wrapper over a plain function."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cuoshi import __version__
from cuoshi.classifier.cli import corpus, label, taxonomy
from cuoshi.classifier.errors import CuoshiError

app = typer.Typer(
    name="cuoshi",
    help="Label the paragraphs of Chinese articles with the epidemic-control measures they report.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("label")(label.label)
app.add_typer(taxonomy.app, name="taxonomy")
app.add_typer(corpus.app, name="corpus")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"cuoshi {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def report(error: CuoshiError | str) -> None:
    """Print an error as one line on stderr."""
    typer.echo(f"cuoshi: error: {error}", err=True)


def main() -> None:
    """Run the command line; a user's mistake ends in one line and an exit code, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app()
    except CuoshiError as error:
        report(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        report("stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
