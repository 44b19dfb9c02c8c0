"""Opens, verifies and describes a model folder.

A folder holds ``config.json``, ``model.safetensors``, ``model.int8.onnx``, ``tokenizer.json``,
``labels.json``, ``thresholds.json``, ``metrics.json``, ``README.md`` and ``manifest.json`` with the
SHA-256 of every other file. Everything is JSON, safetensors or ONNX: opening a folder runs no code from it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cuoshi.classifier.datafiles import data_folder
from cuoshi.classifier.errors import ModelError
from cuoshi.classifier.names import printable, shortened

MANIFEST = "manifest.json"
WEIGHTS = "model.safetensors"
ONNX = "model.int8.onnx"
TOKENIZER = "tokenizer.json"
REQUIRED = ("config.json", "labels.json", "thresholds.json", TOKENIZER, WEIGHTS, ONNX)
SHIPPED_MODEL = "measures-zh"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ModelConfig(_Frozen):
    """``config.json``: the encoder's shape and how long text is read.

    ``max_tokens`` is the window in tokens, the two special ones included; a longer paragraph is read by
    windows that overlap by ``window_overlap`` tokens. ``pad_id`` is the token that fills up batches.
    """

    format: int = Field(ge=1, le=1)
    name: str
    version: str
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float
    pad_id: int = Field(default=1, ge=0)
    max_tokens: int = Field(ge=16)
    window_overlap: int = Field(ge=0)


class Named(_Frozen):
    """An id with its names by language."""

    id: str
    name: dict[str, str]

    def name_in(self, lang: str) -> str:
        """The name in ``lang``, else in any language, else the id."""
        return self.name.get(lang) or next(iter(self.name.values()), self.id)


class GroupInfo(Named):
    color: str | None = None


class LabelInfo(Named):
    group: str


class Labels(_Frozen):
    """``labels.json``: the labels in index order and the taxonomy they come from."""

    taxonomy: str
    taxonomy_version: str
    taxonomy_hash: str
    groups: tuple[GroupInfo, ...]
    labels: tuple[LabelInfo, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(label.id for label in self.labels)


class Threshold(_Frozen):
    """The threshold of one label and the number of positive paragraphs it was tuned on."""

    threshold: float = Field(gt=0, lt=1)
    support: int = Field(ge=0)
    tuned: bool


class Thresholds(_Frozen):
    """``thresholds.json``: what turns scores into labels, and how it was found."""

    method: str
    data: str
    shared: float = Field(gt=0, lt=1)
    labels: dict[str, Threshold]


class FileEntry(_Frozen):
    sha256: str
    bytes: int


class Manifest(_Frozen):
    """``manifest.json``: SHA-256 and size of every file of the folder."""

    files: dict[str, FileEntry]


@dataclass(frozen=True)
class ModelFolder:
    """A verified model folder; ``hash`` is that of its manifest, ``model`` and ``taxonomy`` have versions."""

    path: Path
    hash: str
    config: ModelConfig
    labels: Labels
    thresholds: Thresholds

    @property
    def model(self) -> str:
        return f"{self.config.name} {self.config.version}"

    @property
    def taxonomy(self) -> str:
        return f"{self.labels.taxonomy} {self.labels.taxonomy_version}"

    def file(self, name: str) -> Path:
        return self.path / name


def shipped_models() -> Path:
    """The folder that holds the shipped models."""
    return data_folder("models")


def find_model(name: str | Path | None = None) -> Path:
    """The folder of a model given by path, or by the name of a shipped one; the default without a name.

    Raises:
        ModelError: no such folder.
    """
    shipped = shipped_models()
    wanted = os.fspath(name) if name is not None else str(shipped / SHIPPED_MODEL)
    for candidate in (wanted, shipped / wanted) if wanted else ():
        if os.path.isdir(candidate):  # noqa: PTH112 - takes a name of any length
            return Path(candidate)
    known = ", ".join(sorted(p.parent.name for p in shipped.glob(f"*/{MANIFEST}")))
    others = f", or one of the shipped models: {known}" if known else ""
    raise ModelError(f"{shortened(wanted)}: no such model folder; give the path of one{others}")


def open_model(name: str | Path | None = None) -> ModelFolder:
    """Open a model folder after checking every file against the manifest.

    Raises:
        ModelError: the folder is missing, a file is missing or altered, or its parts contradict each other.
    """
    path = find_model(name)
    digest = verify(path)
    labels = _read(path / "labels.json", Labels)
    thresholds = _read(path / "thresholds.json", Thresholds)
    for label in labels.labels:
        if label.group not in {group.id for group in labels.groups}:
            where = f"{path / 'labels.json'}: label '{label.id}'"
            raise ModelError(f"{where}: its group '{label.group}' is missing; export the model again")
    if tuple(thresholds.labels) != labels.ids:
        where = f"{path}: thresholds.json and labels.json"
        raise ModelError(f"{where} name other labels or in another order; export the model again")
    return ModelFolder(path, digest, _read(path / "config.json", ModelConfig), labels, thresholds)


def verify(path: Path) -> str:
    """Check every file against ``manifest.json`` and return the hash of the manifest.

    Raises:
        ModelError: names what is missing, altered, unreadable or not of the folder; hidden files are let be.
    """
    try:
        return _verify(path, _read(path / MANIFEST, Manifest))
    except OSError as error:
        where = printable(error.filename or path)
        raise ModelError(f"{where}: cannot be read ({error.strerror}); check its rights") from None


def _verify(path: Path, manifest: Manifest) -> str:
    for name in REQUIRED:
        if name not in manifest.files:
            raise ModelError(f"{path / MANIFEST}: does not name {name}; get the model again")
    extra = sorted(name for name in _visible(path) if name not in {*manifest.files, MANIFEST})
    if extra:
        raise ModelError(f"{path}: not in manifest.json: {printable(', '.join(extra))}; remove what is extra")
    for name, entry in manifest.files.items():
        file = path / name
        if Path(name).name != name:
            raise ModelError(f"{path / MANIFEST}: '{name}' is not a plain file name; get the model again")
        if not file.is_file():
            raise ModelError(f"{file}: missing from the model folder; get the model again")
        if file.stat().st_size != entry.bytes or file_hash(file) != entry.sha256:
            raise ModelError(f"{file}: differs from manifest.json (altered or damaged); get the model again")
    return file_hash(path / MANIFEST)


def write_manifest(path: Path) -> None:
    """Write ``manifest.json`` over all files that are in ``path``, hidden ones left out."""
    files = sorted(path / name for name in _visible(path) if name != MANIFEST)
    entries = {p.name: {"sha256": file_hash(p), "bytes": p.stat().st_size} for p in files if p.is_file()}
    write_json(path / MANIFEST, {"files": entries})


def _visible(path: Path) -> list[str]:
    return [file.name for file in path.iterdir() if not file.name.startswith(".")]


def file_hash(path: Path) -> str:
    """SHA-256 of a file as hex digits."""
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON in UTF-8, indented, with a final newline."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


_Model = TypeVar("_Model", bound=BaseModel)


def _read(path: Path, kind: type[_Model]) -> _Model:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{path}: missing; this is no model folder of cuoshi") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{path}: {where or 'content'}: {first['msg']}; get the model again") from None
