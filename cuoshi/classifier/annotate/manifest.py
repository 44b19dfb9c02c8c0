"""The manifest of a run: what was annotated, with what, how, and what came of it."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cuoshi import __version__
from cuoshi.classifier.annotate.inputs import Input
from cuoshi.classifier.annotate.plan import Plan
from cuoshi.classifier.annotate.target import Target, part
from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.names import printable
from cuoshi.classifier.predict import Classifier

PACKAGES = ("numpy", "onnxruntime", "tokenizers")
SHOWN = 5


class _Base(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class InputEntry(_Base):
    """An input; ``bytes`` and ``modified`` at the start, ``sha256`` and ``items`` once read to its end."""

    file: str
    kind: str
    bytes: int | None
    modified: str | None
    sha256: str | None = None
    items: int | None = None


class OutputEntry(_Base):
    """A finished file of the output."""

    file: str
    bytes: int


class Versioned(_Base):
    """Name with version, and the SHA-256 that tells exactly which."""

    name: str
    hash: str


class RunManifest(_Base):
    """What ``OUT.run.json`` holds."""

    format: Literal[1] = 1
    state: Literal["running", "interrupted", "failed", "done"]
    cuoshi: str
    versions: dict[str, str]
    model: Versioned
    taxonomy: Versioned
    thresholds: dict[str, float]
    options: dict[str, Any]
    engine: dict[str, Any]
    inputs: list[InputEntry]
    columns: list[str] | None = None
    output: list[OutputEntry] = []
    counts: dict[str, Any] | None = None
    notices: list[str] = []
    started: str
    resumed: list[str] = []
    ended: str | None = None
    seconds: float = 0.0
    paragraphs_per_second: float | None = None
    characters_per_second: float | None = None
    error: str | None = None


def new_manifest(
    classifier: Classifier, inputs: Sequence[Input], plan: Plan, target: Target, engine: dict[str, Any]
) -> RunManifest:
    """The manifest of a run that begins now."""
    folder = classifier.folder
    limits = plan.selection.threshold
    return RunManifest(
        state="running",
        cuoshi=__version__,
        versions=_versions(target),
        model=Versioned(name=folder.model, hash=folder.hash),
        taxonomy=Versioned(name=folder.taxonomy, hash=folder.labels.taxonomy_hash),
        thresholds={
            label: folder.thresholds.labels[label].threshold if limits is None else limits
            for label in classifier.labels
        },
        options={
            **plan.as_dict(),
            "format": target.form,
            "packing": target.packing,
            "shard_rows": target.shard_rows,
        },
        engine=engine,
        inputs=[_entry(each) for each in inputs],
        started=now(),
    )


def differences(old: RunManifest, new: RunManifest) -> list[str]:
    """What keeps a run from being resumed, one line each: what was, and what is now."""
    found = _changed_inputs(old.inputs, new.inputs)
    if old.model.hash != new.model.hash:
        found.append(f"model: was {old.model.name} ({old.model.hash[:12]}), is {_named(new.model)}")
    if old.taxonomy.hash != new.taxonomy.hash:
        found.append(
            f"taxonomy: was {old.taxonomy.name} ({old.taxonomy.hash[:12]}), is {_named(new.taxonomy)}"
        )
    pairs = (
        ("", old.options, new.options),
        ("threshold of ", old.thresholds, new.thresholds),
        ("", {"cuoshi": old.cuoshi, **old.versions}, {"cuoshi": new.cuoshi, **new.versions}),
        ("", {"device": old.engine.get("device")}, {"device": new.engine.get("device")}),
    )
    for what, before, after in pairs:
        for name in dict.fromkeys([*before, *after]):
            if before.get(name) != after.get(name):
                found.append(f"{what}{name}: was {before.get(name)}, is {after.get(name)}")
    return found


def read_manifest(path: Path) -> RunManifest:
    """Read a manifest.

    Raises:
        UsageError: there is none.
        DataError: it cannot be read, or is none.
    """
    try:
        return RunManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{printable(path)}: no such file; there was no run with this output") from None
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read ({error.strerror}); check its rights") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(piece) for piece in first["loc"])
        raise DataError(f"{printable(path)}: {where or 'content'}: {first['msg']}; not a manifest") from None


def write_manifest(path: Path, manifest: RunManifest) -> None:
    """Write a manifest as a whole; the old one stays until the new one lies on the disk."""
    text = json.dumps(manifest.model_dump(), ensure_ascii=False, indent=2) + "\n"
    with part(path).open("wb") as stream:
        stream.write(text.encode("utf-8", "replace"))
        stream.flush()
        os.fsync(stream.fileno())
    part(path).replace(path)


def now() -> str:
    """The time in UTC, to the second."""
    return _iso(datetime.datetime.now(datetime.timezone.utc))


def _iso(time: datetime.datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _entry(each: Input) -> InputEntry:
    modified = None
    if each.mtime_ns is not None:
        modified = _iso(datetime.datetime.fromtimestamp(each.mtime_ns / 1e9, datetime.timezone.utc))
    return InputEntry(file=each.name, kind=each.kind, bytes=each.size, modified=modified)


def _versions(target: Target) -> dict[str, str]:
    names = (*PACKAGES, "pyarrow") if target.form == "parquet" else PACKAGES
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def _named(what: Versioned) -> str:
    return f"{what.name} ({what.hash[:12]})"


def _changed_inputs(old: Sequence[InputEntry], new: Sequence[InputEntry]) -> list[str]:
    before, after = {entry.file: entry for entry in old}, {entry.file: entry for entry in new}
    found = [f"input {name}: was not there" for name in after if name not in before]
    found += [f"input {name}: is missing" for name in before if name not in after]
    for name, entry in before.items():
        size = after[name].bytes if name in after else None
        if size is not None and entry.bytes is not None and size != entry.bytes:
            found.append(f"input {name}: had {entry.bytes:,} bytes, has {size:,}")
    if not found and [entry.file for entry in old] != [entry.file for entry in new]:
        found.append("inputs: are in another order")
    return found if len(found) <= SHOWN else [*found[:SHOWN], f"and {len(found) - SHOWN} more inputs"]
