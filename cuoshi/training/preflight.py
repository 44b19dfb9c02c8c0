"""What is looked at before anything is learned, and the summary of it: pass, warning, fail."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer

from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.classifier.tokens import unknown_token
from cuoshi.training.config import ARTICLE_COLUMN, SPECIAL_TOKENS, TrainConfig
from cuoshi.training.data import Example, label_array
from cuoshi.training.metrics import MIN_SUPPORT
from cuoshi.training.near import NearIndex, normalise
from cuoshi.training.splits import Splits

Level = Literal["pass", "warning", "fail"]
FEW_POSITIVES = 10  # in training
MUCH_UNKNOWN = 0.01
TOO_MUCH_UNKNOWN = 0.2
MUCH_CUT = 0.05
NEAR = 0.8
MOST_COMPARED = 50_000  # paragraphs; beyond that the search for near ones takes minutes
SHOWN_PLACES = 5


@dataclass(frozen=True)
class Finding:
    """The result of one check: how many rows or labels it concerns, what it means, and where they are."""

    check: str
    level: Level
    count: int
    text: str
    places: tuple[str, ...] = ()


def check_data(
    config: TrainConfig, taxonomy: Taxonomy, splits: Splits, tokenizer: Tokenizer
) -> tuple[Splits, list[Finding]]:
    """Check labelled paragraphs that were read without a problem.

    Args:
        config: of the training.
        taxonomy: the labels.
        splits: the paragraphs.
        tokenizer: of the base encoder; its truncation is switched off.

    Returns:
        The splits, without what ``overlap: drop`` leaves out, and the findings.
    """
    overlap, splits = _overlap(config, splits)
    findings = [
        _sizes(splits),
        *_duplicates(splits),
        overlap,
        _articles(config, splits),
        _near(splits),
        *_labels(taxonomy, splits),
        *_tokens(config, splits, tokenizer),
    ]
    return splits, findings


def failed(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that keep a training from starting."""
    return [finding for finding in findings if finding.level == "fail"]


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """The summary as JSON."""
    counts = Counter(finding.level for finding in findings)
    return {
        "counts": {level: counts[level] for level in ("pass", "warning", "fail")},
        "checks": [{**vars(finding), "places": list(finding.places)} for finding in findings],
    }


def _finding(check: str, level: Level, where: Sequence[str], wrong: str, right: str) -> Finding:
    """``level`` with ``wrong`` where there are places, else a pass with ``right``."""
    if not where:
        return Finding(check, "pass", 0, right)
    return Finding(check, level, len(where), wrong, tuple(where[:SHOWN_PLACES]))


def _sizes(splits: Splits) -> Finding:
    parts = {name: part for name, part in splits.parts().items() if part}
    sizes = ", ".join(f"{name} {len(part):,}" for name, part in parts.items())
    empty = sum(not example.labels for part in parts.values() for example in part)
    total = sum(map(len, parts.values()))
    how = {"files": "as the files say", "column": "by column", "made": "made"}[splits.method]
    return Finding("rows", "pass", total, f"{sizes} ({how}); {empty:,} without a label")


def _duplicates(splits: Splits) -> Iterator[Finding]:
    same: list[str] = []
    other: list[str] = []
    for part in splits.parts().values():
        first: dict[str, Example] = {}
        for example in part:
            known = first.setdefault(normalise(example.text), example)
            if known is not example:
                agree = set(known.labels) == set(example.labels)
                (same if agree else other).append(f"{example.where} = {known.where}")
    yield _finding("equal texts", "warning", same, "stand twice in a split", "no text twice in a split")
    yield _finding(
        "contradictions",
        "warning",
        other,
        "equal texts of a split have different labels; settle them",
        "equal texts have equal labels",
    )


def _overlap(config: TrainConfig, splits: Splits) -> tuple[Finding, Splits]:
    """Texts of training that are also in validation or test, and those of validation in test."""
    test = {normalise(example.text): example.where for example in splits.test}
    validation = {normalise(example.text): example.where for example in splits.validation}
    held = {**validation, **test}
    both = [e for e in splits.train if normalise(e.text) in held]
    shared = [e for e in splits.validation if normalise(e.text) in test]
    where = [f"{e.where} = {held[normalise(e.text)]}" for e in (*both, *shared)]
    right = "no text in two splits"
    if config.overlap == "drop" and where:
        left = {id(e) for e in both}
        kept = [e for e in splits.train if id(e) not in left]
        also = {id(e) for e in shared}
        chosen = [e for e in splits.validation if id(e) not in also]
        found = _finding("overlap", "warning", where, "texts in two splits were left out of the first", right)
        return found, replace(splits, train=kept, validation=chosen)
    level: Level = "fail" if config.overlap == "fail" else "warning"
    hint = "; take them out, or leave that to --set overlap=drop" if level == "fail" else ""
    return _finding("overlap", level, where, f"texts stand in two splits{hint}", right), splits


def _articles(config: TrainConfig, splits: Splits) -> Finding:
    homes: dict[str, dict[str, str]] = defaultdict(dict)
    for name, part in splits.parts().items():
        for example in part:
            article = example.meta.get(config.article_column)
            if article not in (None, ""):
                homes[str(article)].setdefault(name, example.where)
    torn = [" = ".join(places.values()) for places in homes.values() if len(places) > 1]
    if not homes and config.article_column != ARTICLE_COLUMN:
        text = f"no paragraph has the column '{config.article_column}'; correct --article-column"
        return Finding("articles", "fail", 1, text)
    right = "every article in one split" if homes else f"no column '{config.article_column}'"
    return _finding(
        "articles", "warning", torn, "articles are torn apart by the splits; figures will flatter", right
    )


def _near(splits: Splits) -> Finding:
    total = sum(map(len, splits.parts().values()))
    if total > MOST_COMPARED:
        return Finding("near texts", "pass", 0, f"not looked for in more than {MOST_COMPARED:,} paragraphs")
    index = NearIndex(NEAR)
    known: list[tuple[str, Example]] = []
    within: Counter[str] = Counter()
    across: list[str] = []
    for name, part in splits.parts().items():
        for example in part:
            prepared = index.prepare(example.text)
            for number, _ in index.find(prepared):
                home, other = known[number]
                if normalise(other.text) == normalise(example.text):
                    continue
                if home == name:
                    within[name] += 1
                else:
                    across.append(f"{example.where} ~ {other.where}")
            index.add(prepared)
            known.append((name, example))
    inside = ", ".join(f"{count} pairs in {name}" for name, count in within.items()) or "none within"
    return _finding(
        "near texts",
        "warning",
        across,
        f"pairs across splits; figures will flatter ({inside})",
        f"none across splits ({inside})",
    )


def _labels(taxonomy: Taxonomy, splits: Splits) -> Iterator[Finding]:
    ids = taxonomy.ids
    learned = label_array((e.labels for e in splits.train), ids)
    chosen = label_array((e.labels for e in splits.validation), ids)
    positives = dict(zip(ids, learned.sum(axis=0).tolist(), strict=True))
    held = dict(zip(ids, chosen.sum(axis=0).tolist(), strict=True))
    if len({row.tobytes() for row in learned}) <= 1:
        what = ", ".join(splits.train[0].labels) if splits.train and splits.train[0].labels else "no label"
        text = f"all training paragraphs have the same answer ({what}); nothing can be told apart"
        yield Finding("classes", "fail", len(learned), text)
    elif len(splits.train) and learned.all(axis=0).any():
        always = [label for label in ids if positives[label] == len(learned)]
        yield _finding("classes", "warning", always, "label(s) on every training paragraph", "")
    else:
        yield Finding("classes", "pass", len(ids), "every label is on some paragraphs and not on others")
    none = [label for label in ids if not positives[label]]
    few = [f"{label} {n}" for label, n in positives.items() if 0 < n < FEW_POSITIVES]
    yield _finding("unseen", "warning", none, "label(s) without a training paragraph", "every label is seen")
    yield _finding(
        "few positives",
        "warning",
        few,
        f"label(s) with fewer than {FEW_POSITIVES} training paragraphs",
        f"{FEW_POSITIVES} training paragraphs or more for every label that is seen",
    )
    if max(held.values(), default=0) < MIN_SUPPORT:
        text = f"no label has {MIN_SUPPORT} positive validation paragraphs to choose by; add some"
        yield Finding("validation", "fail", len(chosen), text)
    else:
        thin = [f"{label} {n}" for label, n in held.items() if n < MIN_SUPPORT]
        wrong = f"label(s) with fewer than {MIN_SUPPORT} validation paragraphs; they don't choose the epoch"
        right = f"{MIN_SUPPORT} validation paragraphs or more for every label"
        yield _finding("validation", "warning", thin, wrong, right)


def _tokens(config: TrainConfig, splits: Splits, tokenizer: Tokenizer) -> Iterator[Finding]:
    tokenizer.no_truncation()
    unknown_id = unknown_token(tokenizer)
    examples = [example for part in splits.parts().values() for example in part]
    lengths: list[int] = []
    unknown = 0
    missing: Counter[str] = Counter()
    longest: list[str] = []
    for start in range(0, len(examples), 1000):
        batch = examples[start : start + 1000]
        for example, encoding in zip(batch, tokenizer.encode_batch([e.text for e in batch]), strict=True):
            lengths.append(len(encoding.ids))
            if len(encoding.ids) > config.max_tokens:
                longest.append(f"{example.where} ({len(encoding.ids)})")
            if unknown_id in encoding.ids:
                for token, (begin, end) in zip(encoding.ids, encoding.offsets, strict=True):
                    if token == unknown_id:
                        unknown += 1
                        missing[example.text[begin:end]] += 1
    yield _unknown(unknown / max(1, sum(lengths) - SPECIAL_TOKENS * len(lengths)), unknown, missing)
    middle, high = np.percentile(lengths, [50, 95])
    spread = f"tokens: median {middle:.0f}, 95 % up to {high:.0f}, longest {max(lengths)}"
    share = len(longest) / len(lengths)
    wrong = f"over max_tokens {config.max_tokens}; learned from by their beginning only ({spread})"
    yield _finding("length", "warning" if share > MUCH_CUT else "pass", longest, wrong, spread)


def _unknown(rate: float, count: int, missing: Counter[str]) -> Finding:
    often = tuple(f"{text!r} {n}" for text, n in missing.most_common(SHOWN_PLACES))
    if rate > TOO_MUCH_UNKNOWN:
        text = f"tokens are not in the base's vocabulary ({rate:.1%}); take a base for this language"
        return Finding("unknown", "fail", count, text, often)
    level: Level = "warning" if rate > MUCH_UNKNOWN else "pass"
    return Finding("unknown", level, count, f"tokens are not in the vocabulary ({rate:.2%})", often)
