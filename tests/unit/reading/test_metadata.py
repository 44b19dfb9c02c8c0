"""Title, source and date from lines."""

from __future__ import annotations

import pytest

from cuoshi.classifier.reading.metadata import find, is_meta_line, iso_date, source_in, without_site

PROSE = "连日来，各村通过广播、微信群和入户走访等形式，向群众讲解居家治疗的注意事项和用药知识。"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("时间：2023-01-09 08:30", "2023-01-09"),
        ("发布日期：2020年2月3日", "2020-02-03"),
        ("2021/7/30", "2021-07-30"),
        ("2022.08.12 20:11", "2022-08-12"),
        ("20220812", "2022-08-12"),
        ("2022-02-30 2022-03-01", "2022-03-01"),
        ("2月3日", None),
        ("电话 13820200203", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    assert iso_date(text) == date


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("时间：2023-01-09 来源：浙南晨报", "浙南晨报"),
        ("来源: 雁城网综合 编辑: 叶知秋", "雁城网综合"),
        ("信息来源：区卫健局　字体：大 中 小", "区卫健局"),
        ("2022-04-19来源：宜川融媒浏览量：902", "宜川融媒"),
        ("來源：海港時報", "海港時報"),
        ("来源：https://example.invalid", None),
        ("来源：2022-04-19", None),
        ("病毒来源仍在调查", None),
    ],
)
def test_sources(text: str, source: str | None) -> None:
    assert source_in(text) == source


@pytest.mark.parametrize(
    ("text", "is_meta"),
    [
        ("时间：2023-01-09 08:30:11 来源：浙南晨报", True),
        ("2021年11月15日 06:30 晚报记者 白露", True),
        ("教务处松江路中学2021-08-27 19:05", True),
        ("来源：浙南晨报", True),
        ("2020年12月16日", False),
        ("时间：每天上午八点", False),
        ("2020年2月3日起，全县公交停运，恢复时间另行通知", False),
        (PROSE, False),
    ],
)
def test_meta_lines(text: str, is_meta: bool) -> None:
    assert is_meta_line(text) is is_meta


def test_title_stands_above_the_source_line() -> None:
    lines = ["首页 > 正文", "溪口镇健康小分队走进农家", "——让老人安心过冬", "来源：浙南晨报", PROSE]
    meta = find(lines, [True, False, False, False, False])
    assert (meta.title, meta.certain, meta.title_line) == ("溪口镇健康小分队走进农家", True, 1)


def test_first_line_is_a_title_without_being_dropped() -> None:
    meta = find(["溪口镇健康小分队走进农家", PROSE], [False, False])
    assert (meta.title, meta.certain) == ("溪口镇健康小分队走进农家", False)


@pytest.mark.parametrize("first", ["各县区人民政府：", "一、加强值守", "全镇已完成走访。", PROSE])
def test_what_is_no_title(first: str) -> None:
    assert find([first, PROSE, PROSE], [False] * 3).title is None


def test_a_notice_is_dated_by_its_signature() -> None:
    assert find([PROSE, "溪口镇人民政府", "2022年12月20日"], [False] * 3).date == "2022-12-20"


def test_source_in_closing_brackets() -> None:
    assert find([PROSE, f"{PROSE}（来源：浙南晨报）"], [False] * 2).source == "浙南晨报"


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("溪口镇健康小分队走进农家_浙南晨报网", "溪口镇健康小分队走进农家"),
        ("溪口镇健康小分队走进农家 - 要闻 - 浙南晨报网", "溪口镇健康小分队走进农家"),
        ("溪口镇：小分队", "溪口镇：小分队"),
    ],
)
def test_site_names_are_cut_off_titles(page: str, title: str) -> None:
    assert without_site(page) == title
