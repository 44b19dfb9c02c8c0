"""Which lines of a page are its article and which are furniture: a few structural rules, cautious ones.

Four kinds of line are known. *Crumbs* say where in a site a page stands; they only occur above the body.
*Notes* (tags, previous and next, share buttons, editors) are dropped wherever they stand, a site's *imprint*
below the body. *Openers* (相关推荐, 热点排行 …) begin lists of other articles: where at least as much prose
stands above as below, all that follows is furniture; otherwise a box stands inside the article and only the
links under it go. A rule looks at whole short lines, so that a sentence that mentions such a word stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cuoshi.classifier.reading.lines import is_numbered, is_sentence
from cuoshi.classifier.reading.metadata import HEAD, Metadata, find

_SHORT = 120
_PROSE = 20
_BOX = 12
_CRUMB = re.compile(
    r"^(?:您?(?:[现現當当]前?在?)?的?(?:所在)?位置)|(?:首\s?[页頁]|主[页頁]|正文)\s*(?:>|＞|»|›|→|/|$)|(?:>|＞|»|›|→)\s*正文"
)
_ARROWS = re.compile(r"\s*(?:>+|＞+|»|›|→)\s*")
_NOTE = re.compile(
    r"""^[\s【\[［（(<·•|*]*(?:
    (?:文章|本文|[热熱][门門])?(?:[标標][签籤]|[关關][键鍵][词詞字]|tags?)\s*[:：]
    |[上下]一(?:篇|[条條]|[页頁])\s*(?:[:：<>]|\s|$)
    |(?:(?:本[文期]|[值當当]班|新媒体|[责責]任|微信|主)?[编編][辑輯审審]|[责責][编編]|[审審]核|校[对對]|[终終][审審]|[监監]制|[编編]校)
     \s*[:：|｜]\s*\S{1,12}(?:\s|$)
    |分享(?:到|至|本文)?\s*(?:[:：]|$)|分享[到至]\S{0,3}\s*(?:微信|微博|朋友圈|QQ)
    |[扫掃]一[扫掃](?:\S{0,4}(?:手机|微信|二[维維][码碼])|分享|[关關]注|$)
    |打印(?:本[页頁文]|】)|[关關][闭閉]窗口|返回(?:[顶頂]部|首[页頁]|列表)|收藏本[页頁文站]|我要(?:[纠糾][错錯]|反[馈饋])
    |字[号號體体]\s*[:：]|【?大】?\s*【?中】?\s*【?小】?\s*$
    |点击(?:上方|下方)?(?:蓝字|[关關]注|查看更多|阅读原文)|[长長]按(?:[识識图圖]|二[维維]|[关關]注)|[识識][别別](?:下方)?二[维維][码碼]
    |[关關]注我[们們]|[阅閱][读讀](?:原文|全文)$|展[开開]全文|查看(?:全文|更多)$|加[载載]更多
    |(?:打[开開]|下[载載])\S{0,12}(?:APP|客[户戶]端)[，,\s]*(?:看|查看|[阅閱][读讀]|[获獲]取|了解)
    |原[标標][题題]\s*[:：]|(?:[阅閱][读讀]|浏览|点赞|在看|[评評][论論][数數]?)\s*[:：]?\s*\d[\d.万wW+]*(?:\s|$)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_FOOTER = re.compile(
    r"[网網]站[标標][识識][码碼]|^主[办辦][单單]?位?\s*[:：]|技[术術]支持\s*[:：]|[网網]站地[图圖]|友情[链鏈][接結]"
    r"|^[关關]于我[们們]|版[权權]所有|Copyright|©|ICP[备備证]|公网安备|All Rights? Reserved"
    r"|[违違]法和不良信息|\d+\s*位[访訪][问問]者",
    re.IGNORECASE,
)
_DOCUMENT_NUMBER = re.compile(r"\S{2,15}[〔［\[（(]\d{4}[〕］\]）)]\s*第?\s*\d{1,5}\s*号")
_DISCLAIMER = re.compile(
    r"^[【\[（(]?(?:免[责責]|版[权權]|特[别別]|[郑鄭]重)?[声聲]明[】\]）)]?(?:\s*[:：]|$)|^凡本[网網站]|^本[网網站]\S{0,6}[转轉][载載]"
)
_DISCLAIMED = re.compile(r"[转轉][载載]|版[权權]|侵[权權]|[观觀][点點]|本[网網站报報]")
_PLACEHOLDER = re.compile(
    r"^[（(\[【]?(?:资料)?[图圖](?:片|文)?(?:[来來]源[于於]?|[仅僅]供|源)?\S{0,4}(?:[网網][络絡]|[仅僅]供[参參]考[^。]{0,8})[）)\]】]?$|^[（(]资料图[片]?[^。]{0,6}[）)]$"
)
_OPENER = re.compile(
    r"""^[\s【\[◆■▍|·•>#*]*(?:
    相[关關](?:推[荐薦]|[阅閱][读讀]|文章|新[闻聞]|[资資][讯訊]|[报報][导導道]|[内內]容|[话話][题題]|[视視][频頻]|[标標][签籤])
    |新[闻聞](?:推[荐薦]|排行|[热熱]榜)|精彩(?:推[荐薦]|[阅閱][读讀]|[图圖][集片]|[视視][频頻])
    |[热熱](?:[门門点點]|[评評榜]?)(?:推[荐薦]|[阅閱][读讀]|文章|新[闻聞]|[资資][讯訊]|排行榜?|[评評][论論]|[话話][题題]|[点點][击擊]|[标標][签籤]|[图圖][集文]|[视視][频頻])
    |(?:[编編][辑輯]|[为為][您你]|[频頻]道|小[编編]|站[内內]|[内內]容|[图圖][文片])推[荐薦]|推[荐薦](?:[阅閱][读讀]|文章|新[闻聞])
    |猜[您你](?:喜[欢歡]|想看)|大家都在看|[您你]可能(?:[还還]?喜[欢歡]|感[兴興]趣)|[图圖]文看[点點]|[图圖]片新[闻聞]
    |(?:[点點][击擊]|[阅閱][读讀])排行榜?|更多(?:新[闻聞]|文章|[内內]容|[资資][讯訊]|推[荐薦]|[阅閱][读讀])
    |最新(?:文章|新[闻聞]|[资資][讯訊]|推[荐薦])|(?:今日|本[周週月])(?:推[荐薦]|看[点點]|排行榜?|[热熱][点點榜])
    |往期(?:回[顾顧]|精彩|推[荐薦])|(?:[栏欄]目|版面)[导導]航
    |(?:[网網]友|[读讀]者|最新|全部|精彩|[热熱][门門]|[发發]表|我要|文章)(?:[评評][论論]|留言)(?:列表|[区區])?
    )\s*(?:[:：]\s*(?:[（(].{0,60}[）)])?|[（(]?\d{1,6}[）)]?[条條]?|更多.{0,3}|more.{0,3}|[>»]+)?\s*[】\]]?\s*$
    |^(?:[评評][论論]|留言)(?:[区區])?\s*(?:[:：]\s*(?:[（(].{0,60}[）)])?|[（(]\d+[）)][条條]?)\s*$
    """,
    re.VERBOSE | re.IGNORECASE,
)
_INLINE_LINK = re.compile(
    r"^[【\[]?(?:延伸|相[关關]|推[荐薦]|[扩擴]展)(?:[阅閱][读讀]|[报報][导導道]|[链鏈][接結]|新[闻聞]|文章)[】\]]?\s*[:：]?\s*\S"
)
_BULLET = re.compile(r"^(?:[•·▪●○■◆★>＞*-]|\d{1,2}[\s.、](?!\d))")
_CUT_OFF = re.compile(r"(?:\.{3,}|…+)[”’」』]?$")


def frame(
    lines: Sequence[str], links: Sequence[bool] | None = None, title: str | None = None
) -> tuple[list[bool], Metadata]:
    """Return which lines belong to the body, and what the others say about the article.

    ``links`` marks lines that are nothing but links (known for HTML alone); ``title`` is what the format
    declares: a line near the top that repeats it is no paragraph.
    """
    linked = links if links is not None else [False] * len(lines)
    crumbs = [index < HEAD and _is_crumb(line) for index, line in enumerate(lines)]
    notes = [is_furniture(line) for line in lines]
    meta = find(lines, [crumb or note for crumb, note in zip(crumbs, notes, strict=True)])
    kept = [not (crumb or note) for crumb, note in zip(crumbs, notes, strict=True)]
    for index in meta.meta_lines:
        kept[index] = False
    place = meta.title_line if meta.certain else None
    if title is not None:
        place = next((index for index, line in enumerate(lines[:HEAD]) if line == title), None)
    if place is not None:
        kept[place] = False
        _drop_navigation(lines, kept, place)
    _drop_lists(lines, notes, kept)
    _drop_links(lines, linked, kept)
    _drop_footer(lines, kept)
    return kept, meta


def _is_crumb(line: str) -> bool:
    if len(line) > _SHORT or is_sentence(line):
        return False
    steps = [step for step in _ARROWS.split(line) if step]
    return _CRUMB.search(line) is not None or (
        len(steps) >= 3 and all(len(step) <= 12 for step in steps[:-1])
    )


def is_furniture(line: str) -> bool:
    """Return whether a line is a note (tags, buttons, editors, disclaimers), wherever it stands."""
    if len(line) > _SHORT:
        return False
    if len(line) <= 4 and not any(char.isalpha() for char in line):
        return True  # a section's ornamental number, a rule of dashes
    if _DOCUMENT_NUMBER.fullmatch(line):
        return True
    if _DISCLAIMER.match(line):
        return _DISCLAIMED.search(line) is not None or len(line) <= 6
    if line.endswith("。"):
        return False
    return any(rule.search(line) is not None for rule in (_NOTE, _PLACEHOLDER))


def _drop_navigation(lines: Sequence[str], kept: list[bool], title: int) -> None:
    """Drop menus (many short words) and repetitions of the title that stand above it."""
    for index in range(title):
        words = re.split(r"[\s|｜·]+", lines[index])
        menu = len(words) >= 4 and all(len(word) <= 8 for word in words)
        if menu or lines[index] == lines[title]:
            kept[index] = False


def is_opener(line: str) -> bool:
    """Return whether a line is the heading of a list of other articles or of comments."""
    return len(line) <= _SHORT and _OPENER.match(line) is not None


def prose(line: str) -> int:
    """Return the characters of a line that is a sentence, 0 for headings, links and cut-off teasers."""
    return len(line) if len(line) >= _PROSE and is_sentence(line) and not _CUT_OFF.search(line[-8:]) else 0


def _drop_lists(lines: Sequence[str], notes: Sequence[bool], kept: list[bool]) -> None:
    """Drop what follows the openers of lists of other articles."""
    weights = [prose(line) if kept[index] else 0 for index, line in enumerate(lines)]
    above, total = 0, sum(weights)
    for index, line in enumerate(lines):
        opens = is_opener(line)
        ends = notes[index] and re.match(r"[\s【\[]*(?:[标標][签籤]|上一|下一)", line) is not None
        if (opens or ends) and above > 0 and above >= total - above:
            kept[index:] = [False] * (len(lines) - index)
            return
        if opens:
            kept[index] = False
            _drop_box(lines, kept, index + 1)
        elif len(line) <= 60 and _INLINE_LINK.match(line) and not is_sentence(line) and above > 0:
            kept[index] = False
        above += weights[index]


def _drop_box(lines: Sequence[str], kept: list[bool], first: int) -> None:
    """Drop the links of a box inside an article; a line right above prose may be its heading and stays."""
    last = first
    while last < len(lines) and last - first < _BOX and _looks_linked(lines[last]):
        last += 1
    heading = first < last < len(lines) and prose(lines[last]) and not _BULLET.match(lines[last - 1])
    for index in range(first, last - 1 if heading else last):
        kept[index] = False


def _looks_linked(line: str) -> bool:
    if _CUT_OFF.search(line[-8:]) or (_BULLET.match(line) and len(line) <= 60):
        return True
    return len(line) <= 40 and not is_sentence(line) and not is_numbered(line)


def _drop_links(lines: Sequence[str], linked: Sequence[bool], kept: list[bool]) -> None:
    """Drop lines that are nothing but links, save attachments and links that are whole sentences."""
    attachments = False
    for index, line in enumerate(lines):
        attachments = re.match("附[件表][:：\\d]?", line) is not None or (attachments and linked[index])
        if linked[index] and not attachments and not is_sentence(line):
            kept[index] = False


def _drop_footer(lines: Sequence[str], kept: list[bool]) -> None:
    """Drop a site's imprint: such lines below the last paragraph of prose."""
    for index in range(len(lines) - 1, -1, -1):
        imprint = len(lines[index]) <= _SHORT and _FOOTER.search(lines[index]) is not None
        if imprint:
            kept[index] = False
        elif kept[index] and prose(lines[index]):
            return
