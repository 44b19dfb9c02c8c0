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
TextColumnOption = Annotated[str, typer.Option("--text-column", help="Column of the texts.")]
LabelsColumnOption = Annotated[str, typer.Option("--labels-column", help="Column of the labels.")]
IdColumnOption = Annotated[str, typer.Option("--id-column", help="Column of the ids.")]
WideOption = Annotated[bool, typer.Option("--wide", help="A column of 0 and 1 for every label.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", min=1, help="Threads; all CPUs by default.")]
RoundsOption = Annotated[
    int, typer.Option("--rounds", min=0, max=100_000, help="Resamples for the intervals; 0 for none.")
]
MinSupportOption = Annotated[
    int,
    typer.Option("--min-support", min=0, help="Positives from which on a label counts in macro figures."),
]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda[:N]", help="Where to compute; auto takes CUDA if there."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="Folder of a model, or the name of a shipped one.")
]
ThresholdOption = Annotated[
    float | None,
    typer.Option("--threshold", help="One threshold (0 to 1) for all labels instead of the model's own."),
]
TopKOption = Annotated[
    int | None, typer.Option("--top-k", "-k", help="At most this many labels a paragraph.")
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", help="Only these labels (repeat it or separate them by commas)."),
]
MeasuresOnlyOption = Annotated[
    bool, typer.Option("--measures-only", help="Leave out paragraphs without a measure.")
]
