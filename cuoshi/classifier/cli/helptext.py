"""The pages of ``--help``: TEXT, INT, FLOAT or PATH for a value, nothing for a flag, whole paragraphs."""

from __future__ import annotations

import inspect
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

_NAMES = {str: "TEXT", int: "INT", float: "FLOAT", Path: "PATH"}


def tidy_help(command: Any) -> None:
    """Give every option of a command and of its subcommands a placeholder, where it has none of its own.

    Versions of typer differ in what they show themselves: one has ``<list[Path]>`` and ``<bool>``. The lines
    of a docstring become paragraphs, which the terminal breaks.
    """
    if command.help:
        command.help = "\n\n".join(" ".join(part.split()) for part in command.help.split("\n\n"))
    _tidy_help_option(command)
    types = get_type_hints(inspect.unwrap(command.callback)) if command.callback is not None else {}
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = _nothing  # its name says it
        elif parameter.metavar is None:
            parameter.metavar = _placeholder(types.get(parameter.name, bool))
    for inner in getattr(command, "commands", {}).values():
        tidy_help(inner)


def _tidy_help_option(command: Any) -> None:
    make = command.get_help_option  # makes the option when the page is shown

    def get_help_option(context: Any) -> Any:
        option = make(context)
        if option is not None:
            option.metavar = ""
        return option

    command.get_help_option = get_help_option


def _placeholder(annotation: Any) -> str:
    """The placeholder of a type; of what is in it for ``list[X] | None``; the values of a choice."""
    inside = [part for part in get_args(annotation) if part is not type(None)]
    if inside:
        return _placeholder(inside[0])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(value.value) for value in annotation)
    return _NAMES.get(annotation, "")


def _nothing(ctx: Any) -> str:
    return ""
