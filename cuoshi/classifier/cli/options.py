"""Options that several commands have."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Lang(str, Enum):
    """Languages of names and explanations."""

    zh = "zh"
    en = "en"


LangOption = Annotated[
    Lang, typer.Option("--lang", "-l", help="Language of names, headings and explanations.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TaxonomyOption = Annotated[
    Path | None,
    typer.Option("--taxonomy", metavar="FILE", help="A taxonomy of your own instead of the shipped one."),
]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda[:N]", help="Where to compute; auto takes CUDA if there."),
]
