"""Lines, cleaning and joining."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuoshi.classifier.reading.lines import clean, join, split_lines, unwrap, wrap_width

PARAGRAPHS = [
    "三月十日起，桐柏县对所有进县道路设置检查站，逐车登记乘员信息、测量体温，外地货车须凭通行证在指定地点装卸，司机全程不下车，离开时对轮胎和车厢消毒。",
    "一、加强重点场所管理",
    "各商场、超市入口安排专人值守，顾客扫码并佩戴口罩后进入，人流超过核定容量一半时暂停入场，收银台前划线提示间隔一米，推车和扶手每两小时擦拭一次。",
    "二、做好学生返校准备",
    "中小学按年级错峰返校，学校储备一个月用量的防护物资，设置临时观察室，建立与就近医疗机构的转诊通道，并在开学前组织全体教职员工进行两次演练。",
]


def hard_wrap(text: str, width: int, indent: str = "") -> str:
    whole = indent + text
    return "\n".join(whole[place : place + width] for place in range(0, len(whole), width))


def texts(source: str) -> list[str]:
    return [line.text for line in unwrap(split_lines(source))]


@given(st.text(st.sampled_from("疫情防控a1 \u3000\t\n\r\x0b\u2028\u200b\ufeff，。")))
def test_lines_slice_back_to_their_text(source: str) -> None:
    lines = split_lines(source)
    assert [clean(source[line.start : line.end]) for line in lines] == [line.text for line in lines]
    assert all(line.text and "\n" not in line.text for line in lines)
    assert "".join(clean(source).split()) == "".join("".join(line.text.split()) for line in lines)


@given(st.text(st.sampled_from("疫情防控要求a1 \u3000\n，。")))
def test_unwrapped_lines_lose_no_character(source: str) -> None:
    assert "".join("".join(line.text.split()) for line in unwrap(split_lines(source))) == "".join(
        source.split()
    )


def test_cleaning_takes_invisible_characters_and_indents() -> None:
    assert clean("\ufeff\u3000\u3000全员\u200b核酸\u00a0\u3000检测\u2060 ") == "全员核酸 检测"


def test_one_paragraph_a_line_stays() -> None:
    assert texts("\n".join(PARAGRAPHS)) == PARAGRAPHS


@pytest.mark.parametrize("width", [20, 30, 38])
def test_hard_wrapped_indented_text_is_joined(width: int) -> None:
    source = "\n".join(hard_wrap(text, width, "　　" if len(text) > 20 else "") for text in PARAGRAPHS)
    assert texts(source) == PARAGRAPHS


@pytest.mark.parametrize("width", [20, 30, 38])
def test_hard_wrapped_text_with_blank_lines_is_joined(width: int) -> None:
    assert texts("\n\n".join(hard_wrap(text, width) for text in PARAGRAPHS)) == PARAGRAPHS


def test_a_list_of_even_lines_is_not_joined() -> None:
    source = "\n".join(
        f"{name}社区卫生服务中心预约电话零七七一三三{number}" for number, name in enumerate("东西南北中")
    )
    assert len(texts(source)) == 5


def test_headlines_of_even_length_are_not_joined() -> None:
    lines = [
        "全县组织党员干部下沉社区参与值守工作",
        "全市启动新一轮大规模人群核酸筛查行动",
        "各地有序推进大中小学校春季开学准备",
    ]
    assert texts("\n".join(lines)) == lines


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["居家隔", "离14天"], "居家隔离14天"),
        (["the health", "code"], "the health code"),
        (["共1.", "2万人"], "共1.2万人"),
        (["COVID", "19"], "COVID 19"),
    ],
)
def test_joining_puts_a_space_between_latin_words_only(parts: list[str], whole: str) -> None:
    assert join(parts) == whole


def test_width_of_unwrapped_text_is_none() -> None:
    assert wrap_width(split_lines("\n".join(PARAGRAPHS))) is None
