"""Measure how often the encoding of short Chinese text is found, beside charset-normalizer where installed.

Run by hand: ``python benchmarks/encoding_detection.py``. The texts are the gold paragraphs of
tests/data/reading/pages, the second script of each is made with OpenCC
(``pip install opencc-python-reimplemented charset-normalizer``).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cuoshi.classifier.errors import ReadingError
from cuoshi.classifier.reading.decoding import decode

PAGES = Path(__file__).parent.parent / "tests" / "data" / "reading" / "pages"
CODECS = ("utf-8", "gb18030", "big5hkscs", "utf-16-le", "utf-16-be")
LENGTHS = (2, 4, 8, 16, 40, 10_000)


def ours(data: bytes) -> str | None:
    """Return the text as we decode it, None where we refuse."""
    try:
        return decode(data, "sample").text
    except ReadingError:
        return None


def normalizer(data: bytes) -> str | None:
    """Return the text as charset-normalizer decodes it."""
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return None if best is None else str(best)


def texts() -> list[str]:
    """Return each gold paragraph in both scripts."""
    from opencc import OpenCC

    lines = [
        line
        for path in sorted(PAGES.glob("*.gold.txt"))
        for line in path.read_text(encoding="utf-8").split("\n")
        if any("\u4e00" <= char <= "\u9fff" for char in line)
    ]
    return [OpenCC(way).convert(line) for way in ("s2t", "t2s") for line in lines]


def main() -> None:
    """Print a table: characters, codec, shares found, samples."""
    both = texts()
    print("| characters | codec | ours | charset-normalizer | texts |\n|---|---|---|---|---|")
    for length in LENGTHS:
        right: Counter[tuple[str, str]] = Counter()
        count: Counter[str] = Counter()
        for text in both:
            sample = text[:length]
            for codec in CODECS:
                try:
                    data = sample.encode(codec)
                except UnicodeEncodeError:
                    continue  # simplified characters are not in Big5
                count[codec] += 1
                right["ours", codec] += ours(data) == sample
                right["normalizer", codec] += normalizer(data) == sample
        for codec in CODECS:
            shares = (f"{right[name, codec] / count[codec]:.3f}" for name in ("ours", "normalizer"))
            name = str(length) if length < 10_000 else "all"
            print(f"| {name} | {codec} | {' | '.join(shares)} | {count[codec]} |")


if __name__ == "__main__":
    main()
