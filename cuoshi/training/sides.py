"""The two sides of a comparison, brought to the same paragraphs and the same labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.modelfolder import Labels, file_hash
from cuoshi.classifier.predict import Classifier
from cuoshi.classifier.taxonomy import Lang, load_taxonomy
from cuoshi.training.compare import Pair
from cuoshi.training.data import Columns, Example, label_array
from cuoshi.training.evaluate import Progress, score_examples
from cuoshi.training.metrics import Decisions
from cuoshi.training.paragraphs import Paragraph, Row, pair_rows, read_paragraphs, read_run

Gold = Sequence[tuple[str, ...] | None]


def pair_sides(
    a: str,
    b: str,
    data: Sequence[Path],
    columns: Columns,
    lang: Lang,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Pair:
    """Bring two models, or the files of two runs, to the same paragraphs.

    Args:
        a: folder or name of a model, or the JSONL file of a run.
        b: the same.
        data: paragraphs, labelled or not; models need them, runs take gold labels from them.
        columns: which column of ``data`` is what.
        lang: of the names of labels.
        threads: of the models.
        progress: told how many paragraphs of how many are scored.

    Raises:
        DataError: the data are malformed, or the sides share no paragraph or no label.
        ModelError: a model folder is missing or damaged.
        UsageError: a model and a run are given, or models without data.
    """
    for side in (a, b):
        if side.endswith((".jsonl", ".csv", ".parquet")) and not Path(side).is_file():
            raise DataError(f"{side}: no such file; give the file of a run, or a model")
    runs = [Path(side).is_file() for side in (a, b)]
    if runs[0] != runs[1]:
        raise UsageError(f"'{a}' and '{b}': compare two models or two runs, not one of each")
    if runs[0]:
        return pair_runs(Path(a), Path(b), data, columns, lang)
    if not data:
        raise UsageError("two models need DATA to be compared on; give a file of paragraphs")
    return pair_models((a, b), data, columns, lang, threads, progress)


def pair_models(
    models: tuple[str, str],
    data: Sequence[Path],
    columns: Columns,
    lang: Lang,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Pair:
    """Label the same paragraphs with two models; see :func:`pair_sides`."""
    one, other = (Classifier.load(model, threads=threads) for model in models)
    shared, notes = shared_labels(one.labels, other.labels)
    if not notes and one.folder.labels.taxonomy_hash != other.folder.labels.taxonomy_hash:
        notes.append("the models were made with other versions of the taxonomy, with the same labels")
    paragraphs = read_paragraphs(data, _union(one.folder.labels, other.folder.labels), columns)
    examples = [Example(p.id, p.text, (), {}, p.where) for p in paragraphs]
    total = 2 * len(examples)

    def decide(classifier: Classifier, before: int) -> Decisions:
        step = None if progress is None else _later(progress, before, total)
        decisions = score_examples(classifier, examples, step) >= classifier.thresholds
        return decisions[:, [classifier.labels.index(label) for label in shared]]

    decided = decide(one, 0), decide(other, len(examples))
    names = {label.id: label.name_in(lang) for label in one.folder.labels.labels}
    gold = [paragraph.labels for paragraph in paragraphs]
    keys = [(p.id, p.text) for p in paragraphs]
    about = _about_model(one), _about_model(other)
    return _pair(shared, names, keys, decided, gold, about, notes)


def pair_runs(a: Path, b: Path, data: Sequence[Path], columns: Columns, lang: Lang) -> Pair:
    """Match the rows of two runs; see :func:`pair_sides`."""
    one, other = read_run(a), read_run(b)
    rows = pair_rows(one, other)
    if not rows:
        raise DataError(f"{a} and {b}: share no paragraph; give two runs over the same texts")
    notes = [
        f"{len(run) - len(rows)} of {len(run)} rows of {path} are not in the other run and left out"
        for path, run in ((a, one), (b, other))
        if len(run) > len(rows)
    ]
    known = load_taxonomy()
    same = _taxonomy_of(one) == _taxonomy_of(other)
    if same:
        seen = {*_labels_of(one), *_labels_of(other)}
        shared = tuple(label for label in known.ids if label in seen)
        shared += tuple(sorted(seen - set(known.ids)))
    else:
        shared, more = shared_labels(_labels_of(one), _labels_of(other))
        notes += more or ["the runs were made with different taxonomies, in which the same labels occur"]
    decided = (
        label_array((first.labels for first, _ in rows), shared),
        label_array((second.labels for _, second in rows), shared),
    )
    names = {label: known.label(label).name.get(lang) if label in known.ids else label for label in shared}
    gold = _gold_of_rows([first for first, _ in rows], data, shared, columns) if data else [None] * len(rows)
    keys = [(_row_id(first), first.text) for first, _ in rows]
    return _pair(shared, names, keys, decided, gold, (_about_run(a, one), _about_run(b, other)), notes)


def shared_labels(a: Sequence[str], b: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The labels of ``a`` that ``b`` has, and a note when one side has others.

    Raises:
        DataError: they share none.
    """
    shared = tuple(label for label in a if label in set(b))
    if not shared:
        raise DataError("the two sides share no label; compare models or runs of the same taxonomy")
    others = [label for label in (*a, *b) if label not in shared]
    if not others:
        return shared, []
    return shared, [
        f"different taxonomies: compared over the {len(shared)} shared labels, without {', '.join(others)}"
    ]


def _pair(
    shared: tuple[str, ...],
    names: dict[str, str],
    keys: Sequence[tuple[str, str]],
    decided: tuple[Decisions, Decisions],
    gold: Gold,
    about: tuple[dict[str, Any], dict[str, Any]],
    notes: list[str],
) -> Pair:
    coded = np.array([labels is not None for labels in gold], dtype=bool)
    if coded.any() and not coded.all():
        notes = [*notes, f"{int(coded.sum())} of {len(coded)} paragraphs have gold labels"]
    return Pair(
        labels=shared,
        names=names,
        ids=[key for key, _ in keys],
        texts=[text for _, text in keys],
        a=decided[0],
        b=decided[1],
        gold=label_array((labels or () for labels in gold), shared),
        coded=coded,
        about_a=about[0],
        about_b=about[1],
        notes=notes,
    )


def _gold_of_rows(
    rows: Sequence[Row], data: Sequence[Path], shared: Sequence[str], columns: Columns
) -> list[tuple[str, ...] | None]:
    """Gold labels by id where the texts agree, else by text.

    Raises:
        DataError: no row of the runs stands in the data.
    """
    paragraphs = read_paragraphs(data, _bare(shared), columns)
    by_id: dict[str, Paragraph] = {paragraph.id: paragraph for paragraph in paragraphs}
    by_text: dict[str, Paragraph] = {paragraph.text.strip(): paragraph for paragraph in paragraphs}
    found = []
    for row in rows:
        text = row.text.strip()
        named = by_id.get(_row_id(row))
        match = named if named is not None and named.text.strip() == text else by_text.get(text)
        found.append(None if match is None else match.labels)
    if all(labels is None for labels in found):
        where = ", ".join(map(str, data))
        raise DataError(f"{where}: has gold labels for no paragraph of the runs; give the data they ran over")
    return found


def _bare(labels: Sequence[str]) -> Labels:
    """Labels of runs as a label set to read gold labels with: the shipped ones, and those that occur."""
    known = load_taxonomy()
    more = [label for label in labels if label not in known.ids]
    every = [(label.id, label.group, label.name.model_dump(exclude_none=True)) for label in known.labels]
    every += [(label, "", {}) for label in more]
    return Labels.model_validate(
        {
            "taxonomy": "",
            "taxonomy_version": "",
            "taxonomy_hash": "",
            "groups": [],
            "labels": [{"id": name, "group": group, "name": names} for name, group, names in every],
        }
    )


def _union(a: Labels, b: Labels) -> Labels:
    more = tuple(label for label in b.labels if label.id not in a.ids)
    return a.model_copy(update={"labels": (*a.labels, *more)})


def _labels_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """What labels a run knows: those given, and those that it has scores of."""
    found: dict[str, None] = {}
    for row in rows:
        scores = row.fields.get("scores")
        found |= dict.fromkeys((*row.labels, *(scores if isinstance(scores, Mapping) else ())))
    return tuple(found)


def _taxonomy_of(rows: Sequence[Row]) -> Any:
    return rows[0].fields.get("taxonomy_hash")


def _row_id(row: Row) -> str:
    for name in ("id", "paragraph"):
        if row.fields.get(name) is not None:
            return str(row.fields[name])
    return row.where


def _about_model(classifier: Classifier) -> dict[str, Any]:
    folder = classifier.folder
    return {"kind": "model", "name": folder.model, "hash": folder.hash, "taxonomy": folder.taxonomy}


def _about_run(path: Path, rows: Sequence[Row]) -> dict[str, Any]:
    fields = rows[0].fields
    return {
        "kind": "run",
        "name": path.name,
        "hash": file_hash(path),
        "taxonomy": fields.get("taxonomy"),
        "model": fields.get("model"),
    }


def _later(progress: Progress, before: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _: progress(before + done, total)
