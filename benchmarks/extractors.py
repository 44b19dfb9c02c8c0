"""Compare extractors of article text on the Chinese pages of tests/data/reading/pages.

Run by hand: ``python benchmarks/extractors.py``. Extractors that are not installed are left out; for all of
them: ``pip install trafilatura readability-lxml justext resiliparse gne``. Gold paragraphs are in
``<page>.gold.txt``. A paragraph is right when it equals a gold one, white space and cell bars aside.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from cuoshi.classifier.reading import read_bytes
from cuoshi.classifier.reading.decoding import decode
from cuoshi.classifier.reading.htmlblocks import blocks, number

PAGES = Path(__file__).parent.parent / "tests" / "data" / "reading" / "pages"


def whole_page(page: str) -> list[str]:
    """Return every line of the page: the floor of precision, the ceiling of recall."""
    from lxml import html

    root = html.document_fromstring(page.encode(), parser=html.HTMLParser(encoding="utf-8"))
    number(root)
    return [block.text for block in blocks(root)]


def readability(page: str) -> list[str]:
    """Return readability's summary, its lines made as ours are."""
    from readability import Document

    summary = Document(page).summary()
    return whole_page(summary) if re.sub("<[^>]*>", "", summary).strip() else []


def trafilatura(page: str) -> list[str]:
    """Return trafilatura's text with tables, without comments."""
    from trafilatura import extract

    text = extract(page, include_comments=False, include_tables=True) or ""
    return [re.sub(r"^- ", "", line) for line in text.split("\n") if not re.fullmatch(r"[-| ]+", line)]


def justext(page: str) -> list[str]:
    """Return jusText's paragraphs; it has no Chinese stop words, so lengths and links decide."""
    from justext import justext as classify

    options = {"length_low": 20, "length_high": 60, "stopwords_low": 0, "stopwords_high": 0}
    found = classify(page.encode(), frozenset(), encoding="utf-8", **options)
    return [paragraph.text for paragraph in found if not paragraph.is_boilerplate]


def resiliparse(page: str) -> list[str]:
    """Return resiliparse's main content."""
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(page, main_content=True, list_bullets=False, alt_texts=False)).split("\n")


def gne(page: str) -> list[str]:
    """Return the body found by GeneralNewsExtractor (text and punctuation density)."""
    from gne import GeneralNewsExtractor

    return str(GeneralNewsExtractor().extract(page)["content"]).split("\n")


def reading(page: str) -> list[str]:
    """Return our own paragraphs."""
    return [paragraph.text for paragraph in read_bytes(page.encode(), "page.html").paragraphs]


EXTRACTORS: dict[str, Callable[[str], list[str]]] = {
    "cuoshi (readability for the place, own blocks and line rules)": reading,
    "readability-lxml": readability,
    "trafilatura": trafilatura,
    "resiliparse": resiliparse,
    "gne": gne,
    "justext": justext,
    "whole page": whole_page,
}


def bare(text: str) -> str:
    """Return ``text`` without white space and cell bars."""
    return re.sub(r"[\s|]+", "", text)


def load(path: Path) -> tuple[str, list[str]]:
    """Return a page's text, declared as UTF-8 so that every extractor decodes it alike, and its gold."""
    text = decode(path.read_bytes(), path.name, html=True).text
    page = re.sub(r"(charset\s*=\s*[\"']?)[\w-]+", r"\1utf-8", text, flags=re.IGNORECASE)
    gold = path.with_suffix(".gold.txt").read_text(encoding="utf-8")
    return page, [line for line in gold.split("\n") if line.strip()]


def measure(extract: Callable[[str], list[str]]) -> tuple[float, float, int, int, float]:
    """Return precision and recall of paragraphs, rows of tables found and in all, and milliseconds a page."""
    right = found = wanted = rows = all_rows = 0
    seconds = 0.0
    pages = sorted(PAGES.glob("*.html"))
    for path in pages:
        page, gold = load(path)
        start = time.perf_counter()
        got = Counter(filter(None, map(bare, extract(page))))
        seconds += time.perf_counter() - start
        right += (got & Counter(map(bare, gold))).total()
        found += got.total()
        wanted += len(gold)
        tabled = [bare(line) for line in gold if " | " in line]
        rows += sum(row in got for row in tabled)
        all_rows += len(tabled)
    return right / max(1, found), right / wanted, rows, all_rows, 1000 * seconds / len(pages)


def main() -> None:
    """Print the table of benchmarks/extractors.md."""
    print("| extractor | precision | recall | F1 | table rows | ms a page |\n|---|---|---|---|---|---|")
    for name, extract in EXTRACTORS.items():
        try:
            extract(load(min(PAGES.glob("*.html")))[0])
        except ModuleNotFoundError:
            continue
        precision, recall, rows, all_rows, milliseconds = measure(extract)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        figures = f"{precision:.3f} | {recall:.3f} | {f1:.3f} | {rows} of {all_rows} | {milliseconds:.1f}"
        print(f"| {name} | {figures} |")


if __name__ == "__main__":
    main()
