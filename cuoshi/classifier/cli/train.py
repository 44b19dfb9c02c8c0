"""`cuoshi train`: from labelled paragraphs to a model folder."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuoshi.classifier.cli.options import JsonOption
from cuoshi.classifier.cli.output import emit_json, notice
from cuoshi.classifier.errors import UsageError

if TYPE_CHECKING:
    from cuoshi.training.config import TrainConfig
    from cuoshi.training.preflight import Finding

_LEARN, _DATA, _GO = "How to learn", "Where things are in the data", "How to begin"


class Loss(str, Enum):
    """Losses."""

    bce = "bce"
    focal = "focal"
    asymmetric = "asymmetric"


class Switch(str, Enum):
    """Yes, no, or as the device has it."""

    auto = "auto"
    true = "true"
    false = "false"


def train(
    data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DATA", help="Labelled paragraphs: JSONL, CSV or Parquet."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Model folder to write.")
    ] = None,
    taxonomy: Annotated[
        Path | None, typer.Option("--taxonomy", metavar="FILE", help="Taxonomy; the shipped one by default.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="YAML file with any of the settings; options win."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model; that of the folder by default.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="ENCODER",
            help="Encoder to start from: a model folder, a BERT's folder, or a hub id such as "
            "hfl/chinese-macbert-base; the shipped model's by default.",
        ),
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Revision of a hub id.")] = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            "--validation",
            metavar="FILE",
            help="Data to choose the epoch and thresholds by; repeatable.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(
            "--test",
            metavar="FILE",
            help="Data that are only measured on; repeatable.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    split_column: Annotated[
        str | None,
        typer.Option(
            "--split-column", help="Column that says train, validation or test.", rich_help_panel=_DATA
        ),
    ] = None,
    article_column: Annotated[
        str | None,
        typer.Option(
            "--article-column",
            help="Column that names the article; splits that are made keep it whole.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    validation_share: Annotated[
        float | None,
        typer.Option(
            "--validation-share", help="Of splits that are made; 0.15 by default.", rich_help_panel=_DATA
        ),
    ] = None,
    test_share: Annotated[
        float | None,
        typer.Option(
            "--test-share",
            help="The same; 0 for none. With --test the files are the test.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    id_column: Annotated[
        str | None, typer.Option("--id-column", help="Column of the ids.", rich_help_panel=_DATA)
    ] = None,
    text_column: Annotated[
        str | None, typer.Option("--text-column", help="Column of the texts.", rich_help_panel=_DATA)
    ] = None,
    labels_column: Annotated[
        str | None, typer.Option("--labels-column", help="Column of the labels.", rich_help_panel=_DATA)
    ] = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="A column of 0 and 1 for every label.", rich_help_panel=_DATA)
    ] = False,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="At most; 8 by default.", rich_help_panel=_LEARN)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", help="16 by default.", rich_help_panel=_LEARN)
    ] = None,
    accumulation: Annotated[
        int | None, typer.Option("--accumulation", help="Batches a step.", rich_help_panel=_LEARN)
    ] = None,
    checkpointing: Annotated[
        bool,
        typer.Option("--checkpointing", help="Less memory for more time.", rich_help_panel=_LEARN),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option("--rate", help="Learning rate of the encoder; 2e-4 by default.", rich_help_panel=_LEARN),
    ] = None,
    loss: Annotated[
        Loss | None, typer.Option("--loss", help="bce by default.", rich_help_panel=_LEARN)
    ] = None,
    positive_weight: Annotated[
        str | None,
        typer.Option("--positive-weight", help="A number, or balanced: by label.", rich_help_panel=_LEARN),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", help="Window; 256 by default.", rich_help_panel=_LEARN)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            "--patience",
            help="Evaluations without a better macro-F1 before it stops; 3 by default, 0 for never.",
            rich_help_panel=_LEARN,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="1 by default.", rich_help_panel=_LEARN)] = None,
    bf16: Annotated[
        Switch | None,
        typer.Option(
            "--bf16", help="Compute in bfloat16; auto: where the device does.", rich_help_panel=_LEARN
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="CPU threads.", rich_help_panel=_LEARN)
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any other setting (docs/training.md lists them); repeatable.",
            rich_help_panel=_LEARN,
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option("--tensorboard", metavar="FOLDER", help="Write a TensorBoard log.", rich_help_panel=_GO),
    ] = None,
    check_only: Annotated[
        bool,
        typer.Option("--check-only", help="Check the data, print the summary, stop.", rich_help_panel=_GO),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where it was stopped.", rich_help_panel=_GO)
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="Throw away what was learned so far, and replace a finished model.",
            rich_help_panel=_GO,
        ),
    ] = False,
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Make a model of the best so far, learn no more.", rich_help_panel=_GO),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model on your own labelled paragraphs.

    Checks the data, learns, calibrates, tunes thresholds and writes a folder for `cuoshi label --model`.
    Without --validation the data are split by --split-column, else at random by article. Ctrl-C keeps a
    checkpoint, from which --resume goes on.

    Exit codes: 0 done; 2 wrong usage; 3 bad data or model; 130 Ctrl-C.
    """
    if out is None and not check_only:
        raise UsageError("no --out; name the model folder to write, or give --check-only")
    if sum((resume, restart, finish)) > 1:
        raise UsageError("--resume, --restart and --finish exclude each other; give one")
    given: dict[str, Any] = {
        "train": tuple(data or ()),
        "validation": tuple(validation or ()),
        "test": tuple(test or ()),
        "taxonomy": taxonomy,
        "name": name,
        "base": base,
        "revision": revision,
        "split_column": split_column,
        "article_column": article_column,
        "validation_share": validation_share,
        "test_share": test_share,
        "id_column": id_column,
        "text_column": text_column,
        "labels_column": labels_column,
        "wide": wide,
        "epochs": epochs,
        "batch_size": batch_size,
        "accumulation": accumulation,
        "checkpointing": checkpointing,
        "encoder_rate": rate,
        "loss": loss and loss.value,
        "positive_weight": positive_weight,
        "max_tokens": max_tokens,
        "patience": patience,
        "seed": seed,
        "bf16": bf16 and {"auto": "auto", "true": True, "false": False}[bf16.value],
        "threads": threads,
        "tensorboard": tensorboard,
    }
    chosen = _config(given, config, settings or [], out)
    if check_only:
        _check(chosen, as_json)
        return
    assert out is not None
    _train(chosen, out, resume, restart, finish)
    if as_json:
        _print_result(out)


def _config(given: dict[str, Any], file: Path | None, pairs: list[str], out: Path | None) -> TrainConfig:
    """What the file says, then what the options say, then what ``--set`` says."""
    from cuoshi.training.config import make_config, read_values, settings

    values = read_values(file) if file is not None else {}
    unset = {"wide": False, "checkpointing": False, "train": (), "validation": (), "test": ()}
    values |= {key: v for key, v in given.items() if v is not None and v != unset.get(key, ...)}
    values |= settings(pairs)
    if values.get("patience") == 0:
        values["patience"] = None
    if not values.get("train"):
        raise UsageError("no data; name files of labelled paragraphs")
    if "name" not in values:
        values["name"] = out.resolve().name if out is not None else "check"
    room = values.get("max_tokens")
    if isinstance(room, int) and "window_overlap" not in values:
        values["window_overlap"] = min(64, room // 4)
    source = str(file) if file is not None and not pairs else "the settings"
    return make_config(values, source)


def _check(config: TrainConfig, as_json: bool) -> None:
    from cuoshi.training.preflight import document
    from cuoshi.training.train import prepare, refuse

    findings = prepare(config).findings
    if as_json:
        emit_json(document(findings))
    else:
        _show(findings, to_stdout=True)
    refuse(findings)


def _train(config: TrainConfig, out: Path, resume: bool, restart: bool, finish: bool) -> None:
    from cuoshi.training.device import is_main
    from cuoshi.training.train import Start, train
    from cuoshi.training.work import Work

    try:
        train(config, out, Start(resume, restart, finish), _show)
    except KeyboardInterrupt:
        if is_main():
            work = Work(out)
            kept = work.last_checkpoint()
            what = f"{kept} is kept; go on with --resume" if kept else "nothing was learned yet"
            best = work.best()
            notice(
                f"stopped; {what}" + (", or make a model of the best so far with --finish" if best else "")
            )
        raise
    if is_main():
        from cuoshi.training.result import result_lines

        for line in result_lines(out):
            notice(line)


def _print_result(out: Path) -> None:
    import json

    from cuoshi.training.device import is_main

    if is_main():
        metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
        emit_json({"model": str(out), "metrics": metrics})


def _show(findings: list[Finding], to_stdout: bool = False) -> None:
    """The summary of the checks."""
    from rich.console import Console
    from rich.markup import escape

    colours = {"pass": "green", "warning": "yellow", "fail": "bold red"}
    console = Console(stderr=not to_stdout, highlight=False, soft_wrap=True)
    for found in findings:
        shown = found.count and (found.level != "pass" or found.places)
        count = f"{found.count:,} " if shown else ""
        mark = f"[{colours[found.level]}]{found.level:<8}[/]"
        console.print(f"{mark} {escape(found.check):<14} {count}{escape(found.text)}")
        for place in found.places:
            console.print(f"{'':24}{escape(place)}", style="dim")
        if found.places and found.count > len(found.places):
            console.print(f"{'':24}… and {found.count - len(found.places):,} more", style="dim")
    levels = [found.level for found in findings]
    console.print(
        f"{levels.count('pass')} pass, {levels.count('warning')} warning, {levels.count('fail')} fail"
    )
