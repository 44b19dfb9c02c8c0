"""The corpus as a whole: three splits of labelled paragraphs, read and checked."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from cuoshi.classifier.datafiles import data_folder
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.data import Example, collect_examples, label_problems, numbered_lines, parse_object
from cuoshi.training.near import NearIndex, normalise

SPLITS = ("train", "validation", "test")
TEXT_KEYS = ("article", "title", "disease", "place")
PASSES = ("pass_a", "pass_b")
GENRES = (
    "bulletin county_news feature forum headlines hospital_notice microblog national_news notice other_news "
    "party_paper press_conference qa_page school_notice table timeline wechat"
)
LEVELS = "village town county city province national foreign international"
VALUES = {"genre": GENRES.split(), "level": LEVELS.split(), "script": ["hans", "hant"]}
KEYS: tuple[str, ...] = ("id", "text", "labels", "index", "period", *TEXT_KEYS, *VALUES, *PASSES)
PERIOD = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")

# Control characters, line separators, halves of surrogate pairs, private use.
BAD_KINDS = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})

# Shorter texts that are alike, such as a date line or a moderator's thanks, belong to no article.
MIN_NEAR_CHARACTERS = 30


@dataclass(frozen=True)
class Corpus:
    """The paragraphs of every split, and what is wrong with their rows."""

    folder: Path
    splits: dict[str, list[Example]]
    problems: list[str]

    @property
    def examples(self) -> list[Example]:
        """All paragraphs, split by split."""
        return [example for split in self.splits.values() for example in split]


@dataclass(frozen=True)
class Duplicates:
    """Near-duplicates: pairs within a split, pairs of short texts across splits, and problems."""

    within: dict[str, int]
    short_across: int
    problems: list[str]


def shipped_corpus() -> Path:
    """The folder of the corpus that belongs to the package."""
    return data_folder("labels") / "corpus"


def read_corpus(folder: Path, taxonomy: Taxonomy) -> Corpus:
    """Read ``train.jsonl``, ``validation.jsonl`` and ``test.jsonl`` and check every row and the whole.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    files = {split: folder / f"{split}.jsonl" for split in SPLITS}
    splits: dict[str, list[Example]] = {}
    problems: list[str] = []
    seen: dict[str, str] = {}
    for split, file in files.items():
        splits[split], found = collect_examples([file], taxonomy, KEYS, seen)
        problems += found
    for example in chain.from_iterable(splits.values()):
        problems += [f"{example.where}: {problem}" for problem in row_problems(example, taxonomy)]
    problems += article_problems(splits) + text_problems(splits)
    return Corpus(folder, splits, problems)


def row_problems(example: Example, taxonomy: Taxonomy) -> Iterator[str]:
    """What is wrong with the other columns of a row; that keys are missing is told elsewhere."""
    meta = example.meta
    for key in TEXT_KEYS:
        if key in meta and not (isinstance(meta[key], str) and meta[key].strip()):
            yield f"'{key}' is empty or no string"
    for key, values in VALUES.items():
        if key in meta and meta[key] not in values:
            yield f"{key} '{meta[key]}' is none of {', '.join(values)}"
    if "period" in meta and not PERIOD.fullmatch(str(meta["period"])):
        yield f"period '{meta['period']}' is no month such as 2020-01"
    if "index" in meta and not _is_index(meta["index"]):
        yield f"index '{meta['index']}' is no whole number from 0"
    for key in PASSES:
        if key in meta:
            yield from label_problems(meta[key], key, taxonomy)
    # Halves of surrogate pairs in a text are told where the row is read.
    for key, value, kinds in (
        ("text", example.text, BAD_KINDS - {"Cs"}),
        ("title", str(meta.get("title", "")), BAD_KINDS),
    ):
        bad = dict.fromkeys(f"U+{ord(character):04X}" for character in value if _is_bad(character, kinds))
        if bad:
            yield f"'{key}' holds {', '.join(bad)}, which is no text"


def article_problems(splits: dict[str, list[Example]]) -> list[str]:
    """Articles that stand in two splits, and articles whose indices are not 0, 1, 2 and so on."""
    problems = []
    home: dict[str, str] = {}
    for split, examples in splits.items():
        articles: dict[str, list[Example]] = {}
        for example in examples:
            articles.setdefault(str(example.meta.get("article", "")), []).append(example)
        for article, paragraphs in articles.items():
            where = paragraphs[0].where
            if article in home:
                problems.append(f"{where}: article '{article}' stands in {home[article]} too")
            home.setdefault(article, split)
            indices = [paragraph.meta.get("index") for paragraph in paragraphs]
            problems += [f"{where}: article '{article}': {gap}" for gap in _gaps(indices)]
    return problems


def text_problems(splits: dict[str, list[Example]]) -> list[str]:
    """Texts that stand in two splits, compared in NFKC and without blanks."""
    problems = []
    home: dict[str, tuple[str, str]] = {}
    for split, examples in splits.items():
        for example in examples:
            first, where = home.setdefault(normalise(example.text), (split, example.where))
            if first != split:
                problems.append(f"{example.where}: the text stands in {first} too, at {where}")
    return problems


def near_duplicates(corpus: Corpus, against: Iterable[Path] = ()) -> Duplicates:
    """Pairs whose five-character runs have a Jaccard similarity of 0.5 or more.

    Pairs across splits, and of the corpus with a line of an outside text, are problems when both texts have
    at least :data:`MIN_NEAR_CHARACTERS` characters. Equal texts of two splits are left to
    :func:`text_problems`.

    Args:
        corpus: what to search.
        against: JSONL files with the key ``text``, which may hold several paragraphs, a line each.

    Raises:
        DataError: an outside file cannot be read.
        MissingExtraError: datasketch is not installed.
    """
    index = NearIndex()
    placed = [(split, example) for split, examples in corpus.splits.items() for example in examples]
    within = dict.fromkeys(corpus.splits, 0)
    short_across = 0
    problems = []
    for split, example in placed:
        prepared = index.prepare(example.text)
        for number, similarity in index.find(prepared):
            other_split, other = placed[number]
            if other_split == split:
                within[split] += 1
            elif _is_short(example.text, other.text):
                short_across += 1
            elif normalise(example.text) != normalise(other.text):
                problems.append(
                    f"{example.where}: near-duplicate ({similarity:.2f}) of {other.where} in {other_split}"
                )
        index.add(prepared)
    examples = [example for _, example in placed]
    for path in against:
        problems += _outside_problems(path, index, examples)
    return Duplicates(within, short_across, problems)


def _outside_problems(path: Path, index: NearIndex, examples: Sequence[Example]) -> Iterator[str]:
    for where, line in numbered_lines(path):
        row, found = parse_object(line)
        if not found and not isinstance(row.get("text"), str):
            found = ["key 'text' is missing or no string"]
        yield from (f"{where}: {problem}" for problem in found)
        for paragraph in row.get("text", "").splitlines() if not found else ():
            for number, similarity in index.find(index.prepare(paragraph)):
                example = examples[number]
                if not _is_short(paragraph, example.text):
                    yield f"{example.where}: near-duplicate ({similarity:.2f}) of outside text at {where}"


def _is_short(*texts: str) -> bool:
    return any(len(normalise(text)) < MIN_NEAR_CHARACTERS for text in texts)


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_bad(character: str, kinds: frozenset[str]) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in kinds


def _gaps(indices: Sequence[Any]) -> Iterator[str]:
    """Missing and repeated indices; nothing when one of them is no index, which is told elsewhere."""
    if not all(_is_index(index) for index in indices):
        return
    counts = Counter(indices)
    missing = [str(index) for index in islice((i for i in range(max(counts)) if i not in counts), 6)]
    if missing:
        yield f"no paragraph has index {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}"
    for index, count in counts.items():
        if count > 1:
            yield f"index {index} stands {count} times"
