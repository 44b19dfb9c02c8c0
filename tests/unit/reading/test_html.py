"""HTML pages: paragraphs, rows, declared data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.reading import Article, read_bytes, read_file

PAGES = Path(__file__).parents[2] / "data" / "reading" / "pages"
NAMES = sorted(path.stem for path in PAGES.glob("*.html"))
FURNITURE_LEFT = {"03_lazy_markup": ["南浦镇党政办 维护"]}
"""What no rule can tell from the body yet."""
DECLARED = {
    "01_gbk_table": ("青溪县公布三月下旬新增病例及管控情况", "青溪日报", "2022-03-29", "gb18030"),
    "02_br_only": ("云岭市多部门联手保障封控小区生活物资", "云岭晚报", "2021-11-06", "gb18030"),
    "04_gov_notice": (
        "临泽市人民政府关于进一步加强冬春季疫情防控工作的通知",
        "市政府办公室",
        "2020-12-18",
        "utf-8",
    ),
    "05_wechat": ("这份返校防疫指南，请同学们收好", "松江路中学", "2021-08-27", "utf-8"),
    "06_portal": ("江城地铁今起恢复全线运营 乘客须扫码测温进站", "江城早报", "2020-03-28", "utf-8"),
    "08_big5": ("國中小延後開學兩週 教育局公布配套措施", None, "2020-02-05", "big5hkscs"),
    "13_cms_spans": ("洛川里社区：一张蔬菜订单背后的接力", None, "2022-04-06", "utf-8"),
    "14_gov_old": ("关于做好企业复工复产期间疫情防控的通告", None, "2020-02-28", "gb18030"),
}


def read(name: str) -> Article:
    return read_file(PAGES / f"{name}.html")


def paragraphs(page: str) -> list[str]:
    return [paragraph.text for paragraph in read_bytes(page.encode(), "a.html").paragraphs]


@pytest.mark.parametrize("name", NAMES)
def test_pages_give_their_gold_paragraphs(name: str) -> None:
    gold = (PAGES / f"{name}.gold.txt").read_text(encoding="utf-8").split("\n")
    wanted = [" ".join(line.split()) for line in gold if line.strip()] + FURNITURE_LEFT.get(name, [])
    assert [paragraph.text for paragraph in read(name).paragraphs] == wanted


@pytest.mark.parametrize("name", NAMES)
def test_offsets_slice_back(name: str) -> None:
    article = read(name)
    assert all(article.text[each.start : each.end] == each.text for each in article.paragraphs)


@pytest.mark.parametrize("name", DECLARED)
def test_pages_give_title_source_and_date(name: str) -> None:
    article = read(name)
    assert (article.title, article.source, article.date, article.encoding) == DECLARED[name]


def test_rows_with_merged_cells_stay() -> None:
    page = """<h1>采样点安排</h1><p>请居民就近前往下列采样点，全程佩戴口罩，保持间隔，不要聚集。</p><table>
    <tr><th>街道</th><th>点位</th></tr><tr><td rowspan=2>东街</td><td>文化宫</td></tr><tr><td>小学</td></tr>
    <tr><td colspan=2>以上点位每天八点开放</td></tr></table>"""
    assert paragraphs(page)[1:] == ["街道 | 点位", "东街 | 文化宫", "小学", "以上点位每天八点开放"]


def test_hidden_text_and_scripts_are_no_paragraphs() -> None:
    page = (
        "<p>各村设立劝返点，外来车辆一律登记。</p><div style='display: none'>隐藏</div><script>广告</script>"
    )
    assert paragraphs(page) == ["各村设立劝返点，外来车辆一律登记。"]


def test_form_around_the_page_is_read() -> None:
    assert paragraphs("<form><p>各村设立劝返点，外来车辆一律登记。</p></form>") == [
        "各村设立劝返点，外来车辆一律登记。"
    ]


@pytest.mark.parametrize(
    "page", ["<html><body></body></html>", "<html>", "<!-- 空 --> <p> </p>", "<script>1</script>"]
)
def test_page_without_text_is_an_error(page: str) -> None:
    with pytest.raises(ReadingError, match=r"^a\.html: "):
        read_bytes(page.encode(), "a.html")


def test_deep_nesting_is_read() -> None:
    page = "<div>" * 400 + "<p>各村设立劝返点，外来车辆一律登记。</p>" + "</div>" * 400
    assert paragraphs(page) == ["各村设立劝返点，外来车辆一律登记。"]


MARKUP = "<p> </p> <div~class=ad> </div> <table> <tr> <td> <br> <a~href=x> </a> <!-- --> <script> </script>"
PIECES = [
    *MARKUP.split(),
    "<title>",
    "&nbsp;",
    "&#0;",
    "<?xml",
    "]]>",
    "全员检测。",
    "标签：",
    "相关推荐",
    "\x0c",
    "<",
]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map(lambda pieces: "".join(pieces).replace("~", " ")))
def test_any_markup_is_an_article_or_a_reading_error(page: str) -> None:
    try:
        article = read_bytes(page.encode(), "a.html")
    except ReadingError:
        return
    assert all(article.text[each.start : each.end] == each.text for each in article.paragraphs)
