"""Lines keep to the width of the terminal and to the rules of Chinese punctuation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cuoshi.classifier.wrapping import wrap


def test_chinese_breaks_between_characters_but_not_before_a_closing_mark() -> None:
    assert wrap("镇里设卡，逢车必查。", 10) == ["镇里设卡，", "逢车必查。"]
    assert wrap("镇里各路口设卡，逢车必查。", 14) == ["镇里各路口设", "卡，逢车必查。"]
    assert wrap("通知（第七号）", 6) == ["通知", "（第七", "号）"]


def test_english_breaks_between_words() -> None:
    assert wrap("a test result is demanded", 13) == ["a test result", "is demanded"]


def test_long_word_is_cut() -> None:
    assert wrap("ab " + "c" * 9, 4) == ["ab", "cccc", "cccc", "c"]


def test_nothing_gives_no_line() -> None:
    assert wrap(" \n ", 10) == []


@given(
    st.text(alphabet=st.sampled_from("防疫测 温，。（）《》ab,.)-1 \n…·“”\t"), max_size=60),
    st.integers(4, 30),
)
def test_nothing_is_lost_and_no_line_is_too_wide(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= width for line in lines)
