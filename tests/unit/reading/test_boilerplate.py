"""Furniture of pages goes, the body stays."""

from __future__ import annotations

import pytest

from cuoshi.classifier.reading import read_bytes
from cuoshi.classifier.reading.boilerplate import frame, is_furniture

BODY = [
    "入冬以来，溪口镇把老年人健康监测作为防控重点，镇村医生组成十二支小分队，带着血氧仪逐户走访，为独居老人建立联系卡。",
    "同时，镇里给每户发放含退烧药、口罩、消毒液的健康包，已送出四千二百份。",
]


def kept(lines: list[str]) -> list[str]:
    return [line for line, keep in zip(lines, frame(lines)[0], strict=True) if keep]


def test_copied_page_is_cut_to_its_body() -> None:
    page = [
        "今日溪口 今日横山 今日石桥 今日大田",
        "地方网 > 浙南 > 今日溪口 > 正文",
        "溪口镇：健康小分队走进农家",
        "时间：2023-01-09 08:30:11 来源：浙南晨报",
        BODY[0],
        "（资料图片仅供参考）",
        BODY[1],
        "标签：老年人 健康监测",
        "上一篇：横山镇年货节开幕",
        "下一篇：",
        "相关推荐：",
        "猜你喜欢：",
        "横山镇组织义诊，两百多名村民在家门口看上了专家，大家都说这样的活动应当多办几场。",
        "评论：(溪口镇：健康小分队走进农家)",
        "热点阅读",
        "• 山区公路雪后抢通",
        "热点排行",
    ]
    lines, meta = frame(page)
    assert [line for line, keep in zip(page, lines, strict=True) if keep] == BODY
    assert (meta.title, meta.source, meta.date) == ("溪口镇：健康小分队走进农家", "浙南晨报", "2023-01-09")


def test_teasers_of_other_articles_are_furniture() -> None:
    teaser = (
        "本报讯（记者 江帆）1月8日，县供销社组织的农资下乡车队从城区出发，首批三百吨化肥将运往六个乡镇..."
    )
    assert kept([*BODY, "新闻推荐", "农资车队下乡", teaser]) == BODY


@pytest.mark.parametrize(
    "line",
    [
        "网友评论区里，不少人留言支持这项措施。",
        "相关推荐药物目录由县医院药剂科公布，村民可凭方购买。",
        "标签上注明了采样时间和采样人，样本两小时内送检。",
        "猜你喜欢的口味，志愿者把菜单贴在了隔离点门口，一日三餐不重样。",
        "下一篇章，是全面恢复生产生活秩序。",
        "扫一扫进站码再上车",
        "上一批援助医疗队昨日返程",
        "编辑好的防疫短信每天早晚各发一次。",
        "来源：这批口罩由外贸企业捐赠，已经全部分发到村。",
        "评论认为，防控措施应当精准，不能一封了之。",
        "举报电话：0000-12345",
        "时间：每天上午八点至十一点",
        "主办单位已通知参会人员取消行程。",
        "今日话题：封控期间如何买药",
        "热点问题解答",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_body_that_mentions_the_words_stays(line: str, place: int) -> None:
    lines = [BODY[0], BODY[1], BODY[0]]
    lines.insert(place + 1, line)
    assert kept(lines) == lines


def test_a_box_inside_the_article_loses_its_links_only() -> None:
    lines = [BODY[1], "相关阅读", "• 村医的一天", "• 年货市场开放", "药品送到家门口", BODY[0], BODY[0]]
    assert kept(lines) == [BODY[1], "药品送到家门口", BODY[0], BODY[0]]


NOTES = """
责任编辑：苏禾
[责任编辑：苏禾 ]
【打印】【关闭】
分享到：微信 微博
上一篇：没有了
字号：大 中 小
(资料图)
图片来源于网络
声明：转载此文是出于传递更多信息之目的，版权归原作者所有。
关键词：疫情
阅读 1024
——
"""


@pytest.mark.parametrize("line", NOTES.split("\n")[1:-1])
def test_notes_are_furniture(line: str) -> None:
    assert is_furniture(line)


def test_dropped_lines_leave_offsets_alone() -> None:
    text = "\n".join(
        ["首页 > 要闻 > 正文", BODY[0], "责任编辑：苏禾", BODY[1], "相关推荐", "山区公路雪后抢通"]
    )
    article = read_bytes(text.encode(), "a.txt")
    assert article.text == text
    assert [article.text[each.start : each.end] for each in article.paragraphs] == BODY


def test_imprint_goes_below_the_body_only() -> None:
    assert kept([*BODY, "浙南晨报 版权所有", "浙ICP备0000号"]) == BODY
    assert kept(["网站地图编制工作启动", *BODY]) == ["网站地图编制工作启动", *BODY]
