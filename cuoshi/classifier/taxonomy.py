"""The label set: its groups, labels, rules and boundaries, read from a YAML file and checked as a whole."""

from __future__ import annotations

import difflib
import hashlib
import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from cuoshi.classifier.datafiles import data_folder
from cuoshi.classifier.errors import TaxonomyError
from cuoshi.classifier.taxonomy_file import read_yaml

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")
Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Frozen(BaseModel):
    """Base of what is read from the files of `labels/`: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Text(Frozen):
    """A text in Chinese, English or both."""

    zh: Filled | None = None
    en: Filled | None = None

    @model_validator(mode="after")
    def _any_language(self) -> Text:
        if self.zh is None and self.en is None:
            raise ValueError("needs a text in zh or en")
        return self

    def get(self, lang: Lang) -> str:
        """The text in `lang`, or in the other language where it is not given."""
        first, second = (self.zh, self.en) if lang == "zh" else (self.en, self.zh)
        return first or second or ""


class Texts(Frozen):
    """A list of texts in Chinese, English or both."""

    zh: tuple[Filled, ...] = ()
    en: tuple[Filled, ...] = ()

    def get(self, lang: Lang) -> tuple[str, ...]:
        """The texts in `lang`, or in the other language where none is given."""
        return (self.zh or self.en) if lang == "zh" else (self.en or self.zh)


class Exclude(Frozen):
    """Something a label does not cover, and the label it belongs to, if any."""

    text: Text
    label: str | None = None


class Example(Frozen):
    """A Chinese text with all labels that it gets."""

    text: Filled
    labels: tuple[str, ...]


class BoundaryExample(Example):
    """A text near a label's border, with the labels it really gets (maybe none) and the reason."""

    why: Text


class Boundary(Frozen):
    """A row of the table of boundaries: what a text says, the labels it gets, the labels it does not get.

    `note` completes or, without labels, replaces them ("and each measure that is arranged").
    """

    situation: Text
    labels: tuple[str, ...] = ()
    not_: tuple[str, ...] = Field(default=(), alias="not")
    note: Text | None = None


class Rule(Frozen):
    """A general rule that holds for all labels."""

    title: Text
    text: Text


class Group(Frozen):
    """A group of labels; `color` is a colour name of rich, used in the terminal."""

    id: Identifier
    name: Text
    color: str = "default"

    @field_validator("color")
    @classmethod
    def _known_color(cls, value: str) -> str:
        from rich.color import Color, ColorParseError

        try:
            Color.parse(value)
        except ColorParseError:
            raise ValueError(f"unknown colour {value!r}; use a name that rich knows, such as blue3") from None
        return value


class Label(Frozen):
    """A label: what it means, what it covers and not, keywords, and examples."""

    id: Identifier
    group: str
    name: Text
    definition: Text | None = None
    includes: Texts = Texts()
    excludes: tuple[Exclude, ...] = ()
    terms: tuple[Filled, ...] = ()
    positive: tuple[Example, ...] = ()
    boundary: tuple[BoundaryExample, ...] = ()


class Taxonomy(Frozen):
    """A label set. The order of `labels` is the index order of every model trained on it."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    version: Filled
    title: Text | None = None
    description: Text | None = None
    unit: Text | None = None
    question: Text | None = None
    rules: tuple[Rule, ...] = ()
    groups: tuple[Group, ...]
    labels: tuple[Label, ...]
    boundaries: tuple[Boundary, ...] = ()

    @field_validator("groups", "labels")
    @classmethod
    def _not_empty(cls, value: tuple[Frozen, ...]) -> tuple[Frozen, ...]:
        # A minimum length of pydantic would also complain of entries that are there but faulty.
        if not value:
            raise ValueError("is empty")
        return value

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The label ids in index order."""
        return tuple(label.id for label in self.labels)

    @cached_property
    def languages(self) -> tuple[Lang, ...]:
        """The languages every name is given in."""
        return tuple(lang for lang in LANGS if all(getattr(label.name, lang) for label in self.labels))

    def label(self, label_id: str) -> Label:
        """The label with this id. Raises TaxonomyError, with the ids that come close, when there is none."""
        if label_id in self.ids:
            return self.labels[self.ids.index(label_id)]
        raise TaxonomyError(unknown_label(label_id, self.ids, f"taxonomy {self.name} {self.version}"))

    def group_of(self, label_id: str) -> Group:
        """The group of the label with this id. Raises TaxonomyError when there is no such label."""
        group_id = self.label(label_id).group
        return next(group for group in self.groups if group.id == group_id)

    def labels_of(self, group_id: str) -> tuple[Label, ...]:
        """The labels of one group, in index order."""
        return tuple(label for label in self.labels if label.group == group_id)

    @cached_property
    def hash(self) -> str:
        """SHA-256, in hex, of what bears meaning.

        Taken over canonical JSON (UTF-8, sorted keys, no spaces) of name, version, unit, question, rules,
        groups (id, name), labels in order (id, group, name, definition, includes, excludes) and boundaries.
        Title, description, colours, terms and examples may change without a new hash.
        """
        meaning = self.model_dump(
            mode="json",
            by_alias=True,
            exclude={
                "title": True,
                "description": True,
                "groups": {"__all__": {"color"}},
                "labels": {"__all__": {"terms", "positive", "boundary"}},
            },
        )
        text = json.dumps(meaning, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    @property
    def short_hash(self) -> str:
        """The first 12 hex digits of `hash`."""
        return self.hash[:12]


def unknown_label(label_id: str, ids: tuple[str, ...], where: str) -> str:
    """The message for a label that `where` does not know, with the ids that come close."""
    close = difflib.get_close_matches(label_id, ids, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else f"; it has {len(ids)} labels"
    return f"label {label_id!r} is not in {where}{hint}"


def load_taxonomy(path: Path | None = None) -> Taxonomy:
    """The taxonomy in the YAML file `path`, or the shipped one.

    Raises TaxonomyError with all problems of the file at once, each with its line and label; up to twenty are
    listed, and their number is told.
    """
    return _shipped() if path is None else _load(path)


@lru_cache(maxsize=1)
def _shipped() -> Taxonomy:
    return _load(data_folder("labels") / "taxonomy.yaml")


def _load(path: Path) -> Taxonomy:
    from cuoshi.classifier import taxonomy_check as check

    file = read_yaml(path)
    problems = [*file.problems]
    taxonomy = None
    if file.data is not None or not problems:
        try:
            taxonomy = Taxonomy.model_validate(file.data)
        except ValidationError as error:
            problems += check.schema_problems(file, error)
        problems += check.content_problems(file)
    if taxonomy is None or problems:
        raise TaxonomyError(check.report(path, file.data, problems))
    return taxonomy
