"""From labelled paragraphs to a complete model folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from cuoshi.classifier.cli.output import notice
from cuoshi.classifier.errors import DataError, ModelError, UsageError
from cuoshi.classifier.modelfolder import MANIFEST, file_hash, write_json
from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.base import (
    base_origin,
    base_tokenizer,
    find_base,
    taxonomy_change,
    weight_files,
)
from cuoshi.training.card import NOTES
from cuoshi.training.config import TrainConfig
from cuoshi.training.device import is_main, processes
from cuoshi.training.parts import check_replaceable, fresh_part, put_in_place
from cuoshi.training.preflight import Finding, check_data, failed
from cuoshi.training.splits import Splits, read_splits
from cuoshi.training.work import Work

SPLITS = "splits.json"
Show = Callable[[list[Finding]], None]


@dataclass(frozen=True)
class Start:
    """How a training begins: anew, where an earlier process stopped, or with its best network as it is."""

    resume: bool = False
    restart: bool = False
    finish: bool = False


@dataclass(frozen=True)
class Prepared:
    """Everything that learning needs, checked."""

    taxonomy: Taxonomy
    base: Path
    splits: Splits
    findings: list[Finding]


def prepare(config: TrainConfig) -> Prepared:
    """Find the base, read and split the data, and check them.

    Raises:
        DataError: the data are malformed.
        ModelError: the base cannot be used.
        UsageError: there is no such base.
    """
    from cuoshi.training.fitting import check_window

    taxonomy = load_taxonomy(config.taxonomy)
    base = find_base(config.base, config.revision)
    check_window(config, base)
    splits = read_splits(config, taxonomy)
    splits, findings = check_data(config, taxonomy, splits, base_tokenizer(base))
    changed = taxonomy_change(base, taxonomy)
    if changed:
        text = f"{changed}; only its encoder is taken, all labels are learned anew"
        findings.append(Finding("base", "warning", 1, text))
    return Prepared(taxonomy, base, splits, findings)


def train(config: TrainConfig, out: Path, start: Start | None = None, show: Show | None = None) -> None:
    """Check the data, learn, calibrate, export, tune thresholds, and write the model folder ``out``.

    With ``start.restart`` a model folder of that name is replaced when the new one is complete; its
    ``card-notes.md`` is kept.
    While it is learned, checkpoints lie in ``NAME.work`` beside it.

    Args:
        config: what decides the training.
        out: the model folder.
        start: how to begin; anew by default.
        show: is given the findings of the checks before anything is learned.

    Raises:
        DataError: the data are malformed, fail a check, or a disk is full.
        KeyboardInterrupt: somebody asked to stop.
        ModelError: the base cannot be used, the loss is not a number, or int8 changes too many decisions.
        UsageError: ``out`` is a finished model or something else, or there is no such base.
    """
    begin = start or Start()
    check_replaceable(out, "model folder", is_model)
    work = Work(out)
    if is_main() and is_model(out) and not begin.restart and not work.folder.exists():
        raise UsageError(f"{out}: a finished model; replace it with --restart, or choose another --out")
    if is_main() and not (begin.resume or begin.finish or begin.restart):
        work.check_free()
    ready = prepare(config)
    if show is not None and is_main():
        show(ready.findings)
    refuse(ready.findings)
    made_from = provenance(config, ready)
    checkpoint = None
    if is_main():
        checkpoint = work.begin(made_from, begin.resume or begin.finish)
        if begin.resume:
            notice(
                f"goes on from {checkpoint}" if checkpoint else "no checkpoint yet; begins at the beginning"
            )
    elif begin.resume:
        checkpoint = work.last_checkpoint()
    try:
        _learn_and_write(config, ready, made_from, out, work, checkpoint, not begin.finish)
    except (DataError, ModelError) as error:
        raise type(error)(f"{error}{_what_is_left(work)}") from None
    except (OSError, SafetensorError) as error:  # while the folder was written
        where = getattr(error, "filename", None) or out
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{where}: cannot be written ({reason}){_what_is_left(work)}") from None
    if is_main():
        work.remove()


def _learn_and_write(
    config: TrainConfig,
    ready: Prepared,
    made_from: dict[str, Any],
    out: Path,
    work: Work,
    checkpoint: Path | None,
    learn: bool,
) -> None:
    from cuoshi.training.export import write_model_folder
    from cuoshi.training.fitting import fit

    fitted = fit(config, ready.taxonomy, ready.base, ready.splits, work, checkpoint, learn)
    if not is_main():
        return
    part = fresh_part(out)
    if (out / NOTES).is_file():
        shutil.copyfile(out / NOTES, part / NOTES)
    try:
        write_json(part / SPLITS, ready.splits.document())
        write_model_folder(config, ready.taxonomy, fitted, ready.splits, made_from, part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    put_in_place(part, out)


def refuse(findings: list[Finding]) -> None:
    """See that no check failed.

    Raises:
        DataError: names those that did, with the first places.
    """
    wrong = failed(findings)
    if wrong:
        parts = [
            f"{f.check}: {f.count} {f.text}" + "".join(f"\n  {place}" for place in f.places) for f in wrong
        ]
        raise DataError(f"the data fail {len(wrong)} check(s); " + "\n".join(parts))


def _what_is_left(work: Work) -> str:
    """How to go on after a failure, where something was learned."""
    best = work.best()
    if best is None:
        return ""
    return (
        f"\n  the best network so far (epoch {best.epoch:.1f}, macro-F1 {best.macro_f1:.3f}) is kept in "
        f"{work.folder}; --finish makes a model of it"
    )


def is_model(folder: Path) -> bool:
    """Whether a folder is a model folder."""
    return (folder / MANIFEST).is_file()


def provenance(config: TrainConfig, ready: Prepared) -> dict[str, Any]:
    """What, beside the configuration, a model is made from: ``training.json``.

    The base with its SHA-256 by file, the SHA-256 of every data file, the hash of the taxonomy, how many
    processes learn together, and versions of the libraries.

    Raises:
        DataError: a data file cannot be read.
    """
    try:
        data = {str(path): file_hash(path) for path in config.files}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}); give a JSONL file") from None
    return {
        **config.model_dump(mode="json"),
        "base_origin": base_origin(ready.base, config.base, config.revision),
        "base_sha256": {path.name: file_hash(path) for path in weight_files(ready.base)},
        "taxonomy_hash": ready.taxonomy.hash,
        "data_sha256": data,
        "processes": processes(),
        "versions": {name: version(name) for name in ("torch", "transformers", "datasets", "accelerate")},
    }
