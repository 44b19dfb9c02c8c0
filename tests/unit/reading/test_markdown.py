"""Markdown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.reading import read_bytes

SOURCE = """---
title: "松坪镇防控周报"
date: 2021-05-06
source: 松坪镇政府
---

　　**重点：**全镇启动[全员核酸](http://example.invalid)检测，*共设*采样点`12`个。
村干部上门登记，逐户送达通知。

## 二、生活保障

- 关闭麻将馆
- **停运**客运班车 ![图](a.png)
1. 第一项
> 引用的一段话。

```
代码
```

| 村 | 人数 |
|---|---|
| 上坪 | 318 |

    四格缩进也是正文。
<!-- 注释 -->
"""


def test_marks_go_and_text_stays() -> None:
    article = read_bytes(SOURCE.encode(), "周报.md")
    assert [paragraph.text for paragraph in article.paragraphs] == [
        "重点：全镇启动全员核酸检测，共设采样点12个。",
        "村干部上门登记，逐户送达通知。",
        "二、生活保障",
        "关闭麻将馆",
        "停运客运班车",
        "第一项",
        "引用的一段话。",
        "村 | 人数",
        "上坪 | 318",
        "四格缩进也是正文。",
    ]
    assert (article.title, article.date, article.source) == ("松坪镇防控周报", "2021-05-06", "松坪镇政府")


def test_offsets_hold_the_source() -> None:
    article = read_bytes(SOURCE.encode(), "周报.md")
    assert article.text == SOURCE
    first = article.paragraphs[0]
    assert SOURCE[first.start : first.end].strip().startswith("**重点：**全镇启动[")


def test_first_heading_is_the_title() -> None:
    article = read_bytes("# 松坪镇防控周报\n\n全镇启动检测，逐户通知。\n".encode(), "a.md")
    assert (article.title, len(article.paragraphs)) == ("松坪镇防控周报", 1)


MARKUP = ["# ", "- ", "**", "`", "```\n", "|", "\n", "[", "](", ")", "检测。", "> ", "<", "---\n", "\r"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(MARKUP), max_size=25).map("".join))
def test_any_markup_is_an_article_or_a_reading_error(source: str) -> None:
    try:
        article = read_bytes(source.encode(), "a.md")
    except ReadingError:
        return
    assert all(0 <= each.start < each.end <= len(source) for each in article.paragraphs)
