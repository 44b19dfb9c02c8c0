"""Baselines that a model has to beat: character TF-IDF with a linear model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cuoshi.training.data import Example, label_array
from cuoshi.training.metrics import Decisions
from cuoshi.training.thresholds import Scores, limits_of, tune

# Decision values lie about a margin from -1 to 1. Three times them, the logistic function spreads the margin
# over 0.05 to 0.95 and so over the whole grid of thresholds; once, over 0.27 to 0.73 only.
SLOPE = 3.0


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
    model.fit(features, label_array((example.labels for example in train), ids))

    def scores(examples: Sequence[Example]) -> Scores:
        values = model.decision_function(vectorizer.transform([e.text for e in examples]))
        shown: Scores = (1.0 / (1.0 + np.exp(-SLOPE * values))).astype(np.float32)
        return shown

    _, rows = tune(scores(validation), label_array((example.labels for example in validation), ids))
    decisions: Decisions = scores(test) >= limits_of(rows)
    return decisions
