"""Scores, windows, decisions, evidence."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.predict import MAX_CHARACTERS, Classifier, Selection, sentences

TEXTS = [
    "镇口设了卡点,过往车辆逐一检查。",
    "今天天气晴。",
    "医院收治了三名病人。小区从今晚起封闭,只留一个门。",
    "桥",
]


@pytest.fixture(scope="module")
def classifier(small_model: Path) -> Classifier:
    return Classifier.load(small_model, threads=2)


def test_learned_labels_are_found(classifier: Classifier) -> None:
    assert classifier.label(TEXTS[:3]) == [("checkpoint",), (), ("closure", "treatment")]


def test_a_text_scores_the_same_alone_in_a_batch_and_in_any_order(classifier: Classifier) -> None:
    alone = [classifier.score([text])[0].scores for text in TEXTS]
    for order in itertools.permutations(range(len(TEXTS))):
        together = classifier.score([TEXTS[i] for i in order])
        for place, i in enumerate(order):
            np.testing.assert_array_equal(together[place].scores, alone[i])


def test_threads_do_not_change_scores(small_model: Path) -> None:
    one, three = (Classifier.load(small_model, threads=n).score(TEXTS) for n in (1, 3))
    for a, b in zip(one, three, strict=True):
        np.testing.assert_array_equal(a.scores, b.scores)


def test_nothing_to_label(classifier: Classifier) -> None:
    assert classifier.label([]) == []
    assert len(classifier.score([""])) == 1


def test_a_long_text_is_read_to_its_end(classifier: Classifier) -> None:
    filler = "桥是去年修好的。" * 12
    text = filler + TEXTS[0]
    scored = classifier.score([text])[0]
    assert scored.windows > 1
    assert scored.tokens >= len(text)
    assert "checkpoint" in classifier.decide(scored.scores, Selection())
    assert "checkpoint" not in classifier.label([filler])[0]


def test_windows_cover_every_token_of_very_long_text(classifier: Classifier) -> None:
    filler = "桥是去年修好的。" * 700
    for place in (0, 1000, 1990, 3500, 5600):
        text = filler[:place] + TEXTS[0] + filler[place:]
        assert "checkpoint" in classifier.label([text])[0], place


def test_unknown_characters_are_counted(classifier: Classifier) -> None:
    assert classifier.score(["桥鱻鱻修"])[0].unknown >= 1
    assert classifier.score(["桥修"])[0].unknown == 0


def test_a_paragraph_beyond_all_bounds_is_an_error(classifier: Classifier) -> None:
    with pytest.raises(DataError, match=r"paragraph 2 has 100,001 characters.*split the text"):
        classifier.score(["桥", "桥" * (MAX_CHARACTERS + 1)])


def test_selection(classifier: Classifier) -> None:
    scores = np.array([0.9, 0.2, 0.8], dtype=np.float32)
    assert classifier.decide(scores, Selection(threshold=0.1)) == ("checkpoint", "closure", "treatment")
    assert classifier.decide(scores, Selection(threshold=0.1, top_k=2)) == ("checkpoint", "treatment")
    assert classifier.decide(scores, Selection(threshold=0.1, top_k=1)) == ("checkpoint",)
    assert classifier.decide(scores, Selection(threshold=0.1, only=("closure",))) == ("closure",)
    assert classifier.decide(scores, Selection(threshold=0.85, only=("closure",))) == ()


@pytest.mark.parametrize("values", [{"threshold": float("nan")}, {"threshold": 1.01}, {"top_k": 0}])
def test_a_selection_checks_itself(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="give a number from"):
        Selection(**values)  # type: ignore[arg-type]


def test_one_string_is_no_list_of_texts(classifier: Classifier) -> None:
    for method in (classifier.score, classifier.label):
        with pytest.raises(TypeError, match="give a list of texts"):
            method("封闭")


def test_an_unknown_label_names_the_nearest(classifier: Classifier) -> None:
    with pytest.raises(UsageError, match=r"'closur'.*did you mean 'closure'"):
        classifier.check(Selection(only=("closur",)))
    with pytest.raises(UsageError, match="they are: checkpoint, closure, treatment"):
        classifier.check(Selection(only=("口罩",)))


def test_evidence_is_the_sentence_that_says_it(classifier: Classifier) -> None:
    text = "今天天气晴。" + TEXTS[2]
    found = classifier.evidence(text, ["closure", "treatment"])
    assert found["closure"].text == "小区从今晚起封闭,只留一个门。"
    assert found["treatment"].text == "医院收治了三名病人。"
    for span in found.values():
        assert text[span.start : span.end] == span.text
        assert 0 <= span.score <= 1
    assert classifier.evidence(text, []) == {}


def test_sentences_keep_closing_quotes() -> None:
    text = "他说:“封了!”村口没人。  “几时开?……”"
    assert [text[a:b] for a, b in sentences(text)] == ["他说:“封了!”", "村口没人。", "“几时开?……”"]
    assert sentences("。。。") == []


@given(st.text(alphabet="县封闭。！？”’ \u3000\n…a1,;", max_size=60))
@settings(max_examples=300)
def test_sentences_hold_all_words_in_order(text: str) -> None:
    spans = sentences(text)
    assert all(a < b for a, b in spans)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
    words = [c for c in text if c.isalnum()]
    assert [c for a, b in spans for c in text[a:b] if c.isalnum()] == words
