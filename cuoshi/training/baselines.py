"""Baselines that a model has to beat: label frequency, the taxonomy's terms, TF-IDF with a linear model."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuoshi.classifier.taxonomy import Label, Taxonomy
from cuoshi.training.data import Example, label_array
from cuoshi.training.figures import Settings, label_f1, system_figures
from cuoshi.training.metrics import Decisions
from cuoshi.training.thresholds import Scores, limits_of, tune

# Decision values lie about a margin from -1 to 1. Three times them, the logistic function spreads the margin
# over 0.05 to 0.95 and so over the whole grid of thresholds; once, over 0.27 to 0.73 only.
SLOPE = 3.0
FEW = 20  # texts below which n-grams that stand in one text alone are kept


@dataclass(frozen=True)
class Answers:
    """What a baseline says: scores and decisions, both ``[paragraphs, labels]``."""

    scores: Scores
    decisions: Decisions


def always_none(paragraphs: int, labels: int) -> Answers:
    """No measure, whatever the paragraph."""
    return Answers(
        np.zeros((paragraphs, labels), dtype=np.float32), np.zeros((paragraphs, labels), dtype=bool)
    )


def frequency(known: Decisions, paragraphs: int, seed: int = 0) -> Answers:
    """Every label drawn by chance, as often as it stands in ``known`` ``[examples, labels]``.

    Its scores are the frequencies, equal for all paragraphs, so that average precision is the prevalence.
    """
    prior = known.mean(axis=0)
    drawn = np.random.default_rng(seed).random((paragraphs, len(prior))) < prior
    scores = np.broadcast_to(prior.astype(np.float32), drawn.shape)
    return Answers(scores, drawn)


def keywords(examples: Sequence[Example], taxonomy: Taxonomy) -> Answers:
    """A label wherever one of its terms stands in the text; a label without terms has its name as one.

    The score is 0 without a term, 0.5 with one, 0.75 with two different ones, and so on.
    """
    wanted = [[folded(term) for term in terms_of(label)] for label in taxonomy.labels]
    texts = [folded(example.text) for example in examples]
    found = np.array([[sum(term in text for term in terms) for terms in wanted] for text in texts])
    found = found.reshape(len(texts), len(wanted))
    return Answers((1.0 - 0.5**found).astype(np.float32), found > 0)


def terms_of(label: Label) -> tuple[str, ...]:
    """The keywords of a label: its terms, else its names."""
    names = tuple(name for name in (label.name.zh, label.name.en) if name)
    return label.terms or names


def folded(text: str) -> str:
    """Full-width and half-width, upper and lower case alike."""
    return unicodedata.normalize("NFKC", text).casefold()


def tfidf(
    train: Sequence[Example],
    validation: Sequence[Example] | None,
    test: Sequence[Example],
    ids: Sequence[str],
) -> Answers:
    """A linear SVM over character n-grams of length 1 to 3.

    Decision values are tuned on ``validation`` as a model's scores are; without it the margin decides.
    A label that all of ``train`` has is always given, one that none has never.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    known = label_array((example.labels for example in train), ids)
    vectorizer = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 3), min_df=2 if len(train) >= FEW else 1, sublinear_tf=True
    )
    features = vectorizer.fit_transform([example.text for example in train])
    parts = [list(test), list(validation or ())]
    rows = [vectorizer.transform([e.text for e in part]) if part else None for part in parts]
    scores = [np.zeros((len(part), len(ids)), dtype=np.float32) for part in parts]
    for column in range(len(ids)):
        if known[:, column].all() or not known[:, column].any():
            for out in scores:
                out[:, column] = known[0, column]
            continue
        model = LinearSVC(C=0.5, class_weight="balanced", random_state=0)
        model.fit(features, known[:, column])
        for matrix, out in zip(rows, scores, strict=True):
            if matrix is not None:
                out[:, column] = 1.0 / (1.0 + np.exp(-SLOPE * model.decision_function(matrix)))
    limits: Scores = np.full(len(ids), 0.5, dtype=np.float32)
    if validation:
        _, tuned = tune(scores[1], label_array((example.labels for example in validation), ids))
        limits = limits_of(tuned)
    return Answers(scores[0], scores[0] >= limits)


def tfidf_decisions(
    train: Sequence[Example], validation: Sequence[Example], test: Sequence[Example], ids: Sequence[str]
) -> Decisions:
    """Decisions ``[test, labels]`` of :func:`tfidf`."""
    return tfidf(train, validation, test, ids).decisions


def baseline_figures(
    examples: Sequence[Example],
    taxonomy: Taxonomy,
    settings: Settings,
    train: Sequence[Example] | None = None,
    validation: Sequence[Example] | None = None,
) -> dict[str, Any]:
    """The figures of every baseline on ``examples``; ``labels`` has F1 by label.

    Frequencies come from ``train``, or from ``examples`` themselves without it; TF-IDF needs ``train``.
    """
    gold = label_array((example.labels for example in examples), taxonomy.ids)
    known = gold if train is None else label_array((example.labels for example in train), taxonomy.ids)
    answers = {
        "always_none": always_none(len(examples), len(taxonomy.ids)),
        "frequency": frequency(known, len(examples), settings.seed),
        "keywords": keywords(examples, taxonomy),
    }
    if train is not None:
        answers["tfidf"] = tfidf(train, validation, examples, taxonomy.ids)
    return {
        name: {
            **system_figures(said.scores, said.decisions, gold, settings),
            "labels": label_f1(said.decisions, gold, taxonomy.ids),
        }
        for name, said in answers.items()
    }
