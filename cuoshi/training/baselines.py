"""Baselines that a model has to beat: character TF-IDF with a linear model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cuoshi.training.data import Example, targets
from cuoshi.training.metrics import Decisions, Values
from cuoshi.training.thresholds import tune


def tfidf_decisions(
    train: Sequence[Example], validation: Sequence[Example], test: Sequence[Example], ids: Sequence[str]
) -> Decisions:
    """Decisions ``[test, labels]`` of a linear SVM over character n-grams of length 1 to 3.

    Decision values are tuned on ``validation`` as a model's scores are.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import LinearSVC

    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform([example.text for example in train])
    model = OneVsRestClassifier(LinearSVC(C=0.5, class_weight="balanced"))
    model.fit(features, targets(train, ids) > 0.5)

    def scores(examples: Sequence[Example]) -> Values:
        values: Values = model.decision_function(vectorizer.transform([e.text for e in examples]))
        return 1.0 / (1.0 + np.exp(-3.0 * values))

    gold = targets(validation, ids) > 0.5
    _, rows = tune(scores(validation), gold)
    limits = np.array([row["threshold"] for row in rows])
    decisions: Decisions = scores(test) >= limits
    return decisions
