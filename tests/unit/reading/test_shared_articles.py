"""Articles copied off pages, from the development data beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuoshi.classifier.reading import read_file

ARTICLES = Path(__file__).parents[4] / "shared" / "data" / "articles"
EXPECTED = {"000_*.txt": (12, "2023-02-04"), "002_*.txt": (7, "2020-02-02")}
"""Paragraphs of the body, counted by hand, and the date."""

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not ARTICLES.is_dir(), reason="no development data beside the checkout"),
]


@pytest.mark.parametrize("pattern", EXPECTED)
def test_body_is_whole_and_furniture_gone(pattern: str) -> None:
    (path,) = ARTICLES.glob(pattern)
    article = read_file(path)
    count, date = EXPECTED[pattern]
    assert len(article.paragraphs) == count
    assert article.date == date
    assert article.source
    assert article.title
    assert article.title not in {each.text for each in article.paragraphs}
    # the body is one stretch: all its long lines, none below the last
    lines = [" ".join(line.split()) for line in article.text.split("\n")]
    long = [line for line in lines if len(line) > 80]
    assert [each.text for each in article.paragraphs if len(each.text) > 80] == long
    assert article.paragraphs[-1].text == long[-1]
